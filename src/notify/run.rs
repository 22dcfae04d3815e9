//! The task that sends what was committed.
//!
//! # Design
//! A message is claimed before it is sent, so two replicas do not send it twice; the claim ends by itself, so a replica that
//! dies in between delays it by half a minute. "At least once" is what remains: a second SMS is better than none.

use std::future::Future;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{join, join_all};
use jiff::SignedDuration;

use super::store::{self, End, Waiting};
use super::{Channel, Outbox, Refused, Transport};
use crate::clock::Clock;
use crate::db::{self, Db};

/// The task looks by itself this often.
const LOOK: Duration = Duration::from_millis(500);
const CLAIM: SignedDuration = SignedDuration::from_secs(30);
/// Messages on their way at one moment.
const AT_ONCE: usize = 8;
/// Seconds until the next try after a failed one; after the last an SMS is given up.
const BACK_OFF: [i64; 6] = [1, 3, 10, 30, 60, 120];

/// How long to wait after this many tries; `None` gives up. A mail is tried until it is of no use any more, at most two days.
fn back_off(channel: Channel, tries: i64) -> Option<i64> {
    let at = usize::try_from(tries).ok()?;
    match (BACK_OFF.get(at), channel) {
        (Some(seconds), _) => Some(*seconds),
        (None, Channel::Mail) if at < 100 => Some(1_800),
        (None, _) => None,
    }
}

/// Sends until `shutdown` is ready. A database that is away is waited for. Codes and mails leave side by side: a mail server
/// that hangs, or a thousand invitations, hold up no login.
pub async fn run(db: Db, clock: Clock, outbox: Outbox, transport: Transport, shutdown: impl Future<Output = ()>) {
    let shutdown = shutdown.shared();
    let lane = |channel| lane(&db, &clock, &outbox, &transport, channel, shutdown.clone());
    join(lane(Channel::Sms), lane(Channel::Mail)).await;
}

async fn lane(
    db: &Db,
    clock: &Clock,
    outbox: &Outbox,
    transport: &Transport,
    channel: Channel,
    shutdown: impl Future<Output = ()>,
) {
    tokio::pin!(shutdown);
    let mut down = false;
    loop {
        match round(db, clock, outbox, transport, channel).await {
            Ok(()) if down => {
                tracing::info!(channel = channel.as_str(), "sending messages again");
                down = false;
            }
            Ok(()) => {}
            Err(error) => {
                if !down {
                    tracing::warn!(%error, channel = channel.as_str(), "messages cannot be sent now");
                }
                down = true;
            }
        }
        tokio::select! {
            () = &mut shutdown => return,
            // It wakes one of us, and somebody waits for a code.
            () = outbox.wake.notified(), if channel == Channel::Sms => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// Sends everything of this channel that is due.
async fn round(
    db: &Db,
    clock: &Clock,
    outbox: &Outbox,
    transport: &Transport,
    channel: Channel,
) -> Result<(), db::Error> {
    loop {
        let due = store::due(&mut *db.read().await?, channel, clock.now()).await?;
        if due.is_empty() {
            return Ok(());
        }
        // A provider that hangs does not hold up everybody.
        for some in due.chunks(AT_ONCE) {
            let sending: Vec<_> = some
                .iter()
                .map(|waiting| one(db, clock, outbox, transport, waiting))
                .collect();
            let ended = join_all(sending).await;
            outbox
                .sms_down
                .store(transport.sms_is_down(clock.now()), Ordering::Relaxed);
            ended.into_iter().collect::<Result<(), _>>()?;
        }
    }
}

async fn one(
    db: &Db,
    clock: &Clock,
    outbox: &Outbox,
    transport: &Transport,
    waiting: &Waiting,
) -> Result<(), db::Error> {
    let now = clock.now();
    let mut tx = db.begin().await?;
    if now >= waiting.expires_at {
        store::finish(&mut tx, &waiting.id, End::Expired).await?;
        return tx.commit().await;
    }
    let until = now.saturating_add(CLAIM).unwrap_or(now);
    let ours = store::claim(&mut tx, &waiting.id, now, until).await?;
    tx.commit().await?;
    if !ours {
        return Ok(());
    }
    let message = outbox.open(waiting);
    let outcome = match &message {
        Some(message) => transport.send(waiting, message, now).await,
        // Sealed with a key that is gone.
        None => Err(Refused::ForGood),
    };
    let mut tx = db.begin().await?;
    match outcome {
        Ok(()) => store::finish(&mut tx, &waiting.id, End::Sent).await?,
        Err(Refused::ForNow) => match back_off(
            message.map_or(Channel::Sms, |message| message.channel),
            waiting.attempts,
        ) {
            Some(seconds) => {
                let at = now.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(now);
                store::retry(&mut tx, &waiting.id, at).await?;
            }
            None => {
                tracing::warn!(message.id = %waiting.id, "a message was given up");
                store::finish(&mut tx, &waiting.id, End::Failed).await?;
            }
        },
        Err(Refused::ForGood) => {
            tracing::warn!(message.id = %waiting.id, "a message was refused");
            store::finish(&mut tx, &waiting.id, End::Failed).await?;
        }
    }
    tx.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Encryption, TenantId};
    use crate::db::fresh::fresh;
    use crate::db::{Sql, params};
    use crate::notify::{Drawer, Message, SmsWay, Smtp};
    use crate::secret::{MasterKey, Random};

    const STATES: Sql = Sql::both("SELECT state, sealed, attempts FROM outbox ORDER BY id");

    struct Post {
        db: Db,
        dir: tempfile::TempDir,
        clock: Clock,
        outbox: Outbox,
    }

    async fn post() -> Post {
        let (dir, db) = fresh().await;
        Post {
            db,
            dir,
            clock: Clock::fixed("2026-11-22T10:00:00Z".parse().unwrap()),
            outbox: Outbox::new(&MasterKey::new(&[5; 32])),
        }
    }

    impl Post {
        async fn put(&self, code: &str, commit: bool) {
            let now = self.clock.now();
            let mut tx = self.db.begin().await.unwrap();
            let message = Message::sms("+31612345678", "hallo", Some(code));
            let until = now + SignedDuration::from_secs(300);
            let tenant = TenantId::parse("topaz").unwrap();
            self.outbox
                .put(&mut tx, &tenant, &message, until, now, &Random::Os)
                .await
                .unwrap();
            if commit {
                tx.commit().await.unwrap();
            }
        }

        fn drawer(&self) -> Transport {
            Transport::Drawer(Drawer {
                dir: self.dir.path().join("outbox"),
            })
        }

        fn sent(&self) -> Vec<serde_json::Value> {
            let text = std::fs::read_to_string(self.dir.path().join("outbox/sms.jsonl")).unwrap_or_default();
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        }

        async fn states(&self) -> Vec<(String, bool, i64)> {
            let rows = self.db.read().await.unwrap().rows(STATES, params![]).await.unwrap();
            rows.iter()
                .map(|row| (row.text(0), row.bytes(1).is_empty(), row.int(2)))
                .collect()
        }
    }

    #[tokio::test]
    async fn a_committed_message_is_sent_once_and_wiped() {
        let post = post().await;
        post.put("111111", true).await;
        for _ in 0..2 {
            round(&post.db, &post.clock, &post.outbox, &post.drawer(), Channel::Sms)
                .await
                .unwrap();
        }
        let sent = post.sent();
        assert_eq!(sent.len(), 1);
        assert_eq!(
            (sent[0]["to"].as_str(), sent[0]["code"].as_str()),
            (Some("+31612345678"), Some("111111"))
        );
        assert_eq!(sent[0]["at"], "2026-11-22T10:00:00Z");
        assert_eq!(post.states().await, [("sent".to_owned(), true, 1)]);
    }

    #[tokio::test]
    async fn a_rolled_back_message_is_never_sent() {
        let post = post().await;
        post.put("111111", false).await;
        round(&post.db, &post.clock, &post.outbox, &post.drawer(), Channel::Sms)
            .await
            .unwrap();
        assert!(post.sent().is_empty() && post.states().await.is_empty());
    }

    #[tokio::test]
    async fn a_message_that_has_expired_is_not_sent() {
        let post = post().await;
        post.put("111111", true).await;
        post.clock.advance(SignedDuration::from_secs(300));
        round(&post.db, &post.clock, &post.outbox, &post.drawer(), Channel::Sms)
            .await
            .unwrap();
        assert!(post.sent().is_empty());
        assert_eq!(post.states().await, [("expired".to_owned(), true, 0)]);
    }

    #[tokio::test]
    async fn a_failed_message_is_tried_again_later_and_in_the_end_given_up() {
        let post = post().await;
        post.put("111111", true).await;
        // A file stands where the drawer wants its folder.
        let blocked = post.dir.path().join("file");
        std::fs::write(&blocked, "").unwrap();
        let broken = Transport::Drawer(Drawer { dir: blocked });
        round(&post.db, &post.clock, &post.outbox, &broken, Channel::Sms)
            .await
            .unwrap();
        assert_eq!(post.states().await, [("waiting".to_owned(), false, 1)]);
        post.clock.advance(SignedDuration::from_millis(900));
        round(&post.db, &post.clock, &post.outbox, &broken, Channel::Sms)
            .await
            .unwrap();
        assert_eq!(post.states().await[0].2, 1, "too early");
        for seconds in BACK_OFF {
            post.clock.advance(SignedDuration::from_secs(seconds));
            round(&post.db, &post.clock, &post.outbox, &broken, Channel::Sms)
                .await
                .unwrap();
        }
        assert_eq!(post.states().await, [("failed".to_owned(), true, 7)]);
    }

    #[test]
    fn a_mail_is_tried_for_two_days_and_an_sms_for_minutes() {
        let whole = |channel| (0..).map_while(|tries| back_off(channel, tries)).sum::<i64>();
        assert_eq!(whole(Channel::Sms), BACK_OFF.iter().sum::<i64>());
        assert!((24 * 3_600..3 * 24 * 3_600).contains(&whole(Channel::Mail)));
    }

    #[tokio::test]
    async fn a_message_leaves_within_a_second_of_the_commit_and_only_once_from_two_replicas() {
        let post = post().await;
        let (stop, stopped) = tokio::sync::watch::channel(());
        let replicas: Vec<_> = (0..2)
            .map(|_| {
                let mut stopped = stopped.clone();
                let task = run(
                    post.db.clone(),
                    post.clock.clone(),
                    post.outbox.clone(),
                    post.drawer(),
                    async move {
                        let _ = stopped.changed().await;
                    },
                );
                tokio::spawn(task)
            })
            .collect();
        post.put("222222", true).await;
        post.outbox.wake();
        for _ in 0..100 {
            if !post.sent().is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(post.sent().len(), 1);
        stop.send(()).unwrap();
        for replica in replicas {
            replica.await.unwrap();
        }
        assert_eq!(post.sent().len(), 1);
    }

    #[tokio::test]
    async fn a_code_leaves_while_a_mail_hangs_and_while_a_thousand_wait() {
        for mails in [1, 1_000] {
            let post = post().await;
            // It takes the connection and never says a word.
            let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let settings = config::Smtp {
                host: "127.0.0.1".to_owned(),
                port: server.local_addr().unwrap().port(),
                encryption: Encryption::Loopback,
                from: "Topaz <portaal@topaz.example>".to_owned(),
                login: None,
                ca: None,
            };
            let drawer = Drawer {
                dir: post.dir.path().join("outbox"),
            };
            let transport = Transport::Real {
                sms: SmsWay::Drawer(drawer),
                mail: Some(Box::new(Smtp::new(&settings).unwrap())),
            };
            let (tenant, now) = (TenantId::parse("topaz").unwrap(), post.clock.now());
            let message = Message::mail("m.bakker@example.org", "Bericht", "hallo", None);
            let mut tx = post.db.begin().await.unwrap();
            for _ in 0..mails {
                let until = now + SignedDuration::from_hours(24);
                post.outbox
                    .put(&mut tx, &tenant, &message, until, now, &Random::Os)
                    .await
                    .unwrap();
            }
            tx.commit().await.unwrap();
            let never = std::future::pending();
            let (db, clock) = (post.db.clone(), post.clock.clone());
            let sender = tokio::spawn(run(db, clock, post.outbox.clone(), transport, never));
            let hangs = server.accept().await.unwrap();
            post.put("333333", true).await;
            post.outbox.wake();
            let left = async {
                while post.sent().is_empty() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            // A mail server that hangs is given up after fifteen seconds.
            let in_time = tokio::time::timeout(Duration::from_secs(8), left).await;
            assert!(in_time.is_ok(), "{mails}");
            assert_eq!(post.sent()[0]["code"], "333333");
            sender.abort();
            drop(hangs);
        }
    }
}
