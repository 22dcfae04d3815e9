//! The events of a pull whose work is a task of its own: reading and parsing go on while the reader maps and stores.

use futures::StreamExt as _;
use futures::stream::BoxStream;
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinHandle;
use tokio_util::task::AbortOnDropHandle;

use super::{Error, Event};

/// Why a pull stops before its end.
pub(super) enum Stop {
    /// Nobody reads any more.
    Unread,
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// What `task` sends. It ends with the stream, or, where it reads files, with its next event.
pub(super) fn events(
    events: Receiver<Result<Event, Error>>,
    task: JoinHandle<()>,
) -> BoxStream<'static, Result<Event, Error>> {
    let task = Some(AbortOnDropHandle::new(task));
    futures::stream::unfold((events, task), |(mut events, task)| async move {
        if let Some(event) = events.recv().await {
            return Some((event, (events, task)));
        }
        // A task that broke has not told everything: its silence is no end.
        let broke = Error::Shape {
            path: "pull",
            problem: "the connector broke; the log says where",
        };
        task?.await.is_err().then(|| (Err(broke), (events, None)))
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::ecd::Kind;

    #[tokio::test]
    async fn a_task_that_breaks_ends_the_pull_with_an_error() {
        let kind = Kind::Report;
        for breaks in [true, false] {
            let (out, received) = mpsc::channel(1);
            let task = tokio::task::spawn_blocking(move || {
                let _ = out.blocking_send(Ok(Event::StreamComplete { kind }));
                assert!(!breaks, "a slip in the connector");
            });
            let events: Vec<_> = events(received, task).collect().await;
            let broke = matches!(events.last(), Some(Err(Error::Shape { path: "pull", .. })));
            assert!(matches!(events[0], Ok(Event::StreamComplete { .. })), "{events:?}");
            assert_eq!((events.len(), broke), (1 + usize::from(breaks), breaks));
        }
    }
}
