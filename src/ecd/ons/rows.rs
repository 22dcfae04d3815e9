//! Cuts the body of a stream into records, in bounded memory.
//!
//! # Design
//! A stream is one JSON object a line, and each line ends with a line feed, the last one too: a body that stops within
//! a line was cut off, also when the pieces happen to parse. The contract allows plain JSON instead; such an answer is
//! read whole within the limit of a list.

use bytes::{Buf as _, Bytes, BytesMut};
use serde_json::Value;

use super::repair;
use super::transport::{Answer, Format};
use crate::ecd::Error;
use crate::fhir::json;

/// One record of a stream, not parsed yet where it came as a line.
#[derive(Debug, PartialEq)]
pub(super) enum Row {
    Line(Bytes),
    Value(Value),
    /// A line that the guard refuses.
    Unfit(json::Fault),
    /// A line above the limit; its bytes are thrown away.
    TooLong,
}

pub(super) enum Rows {
    Lines { answer: Box<Answer>, lines: Lines },
    List(std::vec::IntoIter<Value>),
}

impl Rows {
    pub(super) async fn new(
        answer: Answer,
        wrapper: &'static str,
        line_bytes: usize,
        list_bytes: usize,
    ) -> Result<Self, Error> {
        match answer.format {
            Format::Lines => Ok(Self::Lines {
                answer: Box::new(answer),
                lines: Lines::new(line_bytes),
            }),
            Format::Json => {
                let path = answer.path;
                let body = answer.whole(list_bytes).await?;
                Ok(Self::List(repair::list(path, &body, wrapper)?.into_iter()))
            }
        }
    }

    /// The next record; none at the proper end of the stream.
    pub(super) async fn next(&mut self) -> Result<Option<Row>, Error> {
        let (answer, lines) = match self {
            Self::List(values) => return Ok(values.next().map(Row::Value)),
            Self::Lines { answer, lines } => (answer, lines),
        };
        loop {
            match lines.next() {
                None => {}
                Some(Row::Line(line)) => {
                    let fit = json::check(&line, json::Limits::source(line.len()));
                    return Ok(Some(
                        fit.map_or_else(|refused| Row::Unfit(refused.kind), |()| Row::Line(line)),
                    ));
                }
                row => return Ok(row),
            }
            match answer.chunk().await? {
                Some(chunk) => lines.push(&chunk),
                None if lines.is_empty() => return Ok(None),
                None => return Err(Error::Truncated { path: answer.path }),
            }
        }
    }
}

/// Bytes that arrived, up to the last line feed handed out.
pub(super) struct Lines {
    buffer: BytesMut,
    /// How far the buffer was searched for a line feed.
    searched: usize,
    limit: usize,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    /// Within a line above the limit.
    Skipping,
}

impl Lines {
    fn new(limit: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            searched: 0,
            limit,
            state: State::Reading,
        }
    }

    fn push(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
    }

    fn is_empty(&self) -> bool {
        self.buffer.is_empty() && self.state == State::Reading
    }

    /// The next whole line without its end; blank lines are passed over.
    fn next(&mut self) -> Option<Row> {
        loop {
            let Some(found) = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n') else {
                if self.buffer.len() > self.limit {
                    self.state = State::Skipping;
                }
                if self.state == State::Skipping {
                    self.buffer.clear();
                }
                self.searched = self.buffer.len();
                return None;
            };
            let end = self.searched + found;
            self.searched = 0;
            let line = self.buffer.split_to(end);
            self.buffer.advance(1);
            let skipped = std::mem::replace(&mut self.state, State::Reading) == State::Skipping;
            if skipped || line.len() > self.limit {
                return Some(Row::TooLong);
            }
            if !line.iter().all(u8::is_ascii_whitespace) {
                return Some(Row::Line(line.freeze()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(chunks: &[&str], limit: usize) -> (Vec<String>, bool) {
        let mut lines = Lines::new(limit);
        let mut rows = Vec::new();
        for chunk in chunks {
            lines.push(chunk.as_bytes());
            while let Some(row) = lines.next() {
                rows.push(match row {
                    Row::Line(line) => String::from_utf8(line.to_vec()).unwrap(),
                    Row::TooLong => "too long".to_owned(),
                    Row::Value(_) | Row::Unfit(_) => unreachable!("lines are not parsed here"),
                });
            }
        }
        (rows, lines.is_empty())
    }

    #[test]
    fn lines_are_found_wherever_the_chunks_break() {
        let text = "{\"a\":1}\n{\"b\":22}\r\n\n{\"c\":3}\n";
        for at in 0..text.len() {
            let (rows, whole) = cut(&[&text[..at], &text[at..]], 20);
            assert_eq!(rows, ["{\"a\":1}", "{\"b\":22}\r", "{\"c\":3}"]);
            assert!(whole);
        }
    }

    #[test]
    fn a_body_without_a_last_line_feed_is_not_whole() {
        assert_eq!(
            cut(&["{\"a\":1}\n{\"b\":2}"], 20),
            (vec!["{\"a\":1}".to_owned()], false)
        );
    }

    #[test]
    fn a_line_above_the_limit_is_dropped_and_the_next_one_read() {
        let (rows, whole) = cut(&["aaaaaaaa", "aaaaaaaa", "aaaa\nbb\n", "cccccccccccccccccc\n"], 10);
        assert_eq!(rows, ["too long", "bb", "too long"]);
        assert!(whole);
        assert!(!cut(&["aaaaaaaaaaaaaaaa"], 10).1);
    }
}
