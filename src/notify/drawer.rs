//! A drawer instead of a provider: one JSON object a line. For the demo and for tests, never for people.

use std::path::PathBuf;

use jiff::Timestamp;
use tokio::io::AsyncWriteExt as _;

use super::{Channel, Message, Refused};

/// Puts messages into `DIR/sms.jsonl` and `DIR/mail.jsonl`.
#[derive(Clone, Debug)]
pub struct Drawer {
    pub dir: PathBuf,
}

impl Drawer {
    pub(super) async fn send(&self, message: &Message, now: Timestamp) -> Result<(), Refused> {
        let mut line = serde_json::json!({
            "to": message.to,
            "text": message.text,
            "code": message.code,
            "at": now.to_string(),
        });
        if let Some(subject) = &message.subject {
            line["subject"] = subject.as_str().into();
        }
        let name = match message.channel {
            Channel::Sms => "sms.jsonl",
            Channel::Mail => "mail.jsonl",
        };
        let write = async {
            tokio::fs::create_dir_all(&self.dir).await?;
            let path = self.dir.join(name);
            let mut options = tokio::fs::OpenOptions::new();
            options.create(true).append(true);
            // Codes and numbers are for its owner alone, in a drawer too.
            #[cfg(unix)]
            options.mode(0o600);
            let mut file = options.open(path).await?;
            // One write, so that a reader never sees half a line.
            file.write_all(format!("{line}\n").as_bytes()).await?;
            file.flush().await
        };
        let written: std::io::Result<()> = write.await;
        written.map_err(|_| Refused::ForNow)
    }
}
