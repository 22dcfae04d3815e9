//! SMS and mail out of the outbox.
//!
//! ```no_run
//! # async fn example(db: inzage::db::Db, outbox: inzage::notify::Outbox, tenant: inzage::config::TenantId,
//! #     now: jiff::Timestamp, random: inzage::secret::Random) -> Result<(), inzage::db::Error> {
//! use inzage::notify::Message;
//! let message = Message::sms("+31612345678", "Topaz: uw inlogcode is 4821-639174.", Some("639174"));
//! let mut tx = db.begin().await?;
//! outbox.put(&mut tx, &tenant, &message, now, now, &random).await?;
//! tx.commit().await?;
//! outbox.wake();
//! # Ok(()) }
//! ```
//!
//! # Design
//! A message is written in the transaction that wants it and sent by a task of its own after the commit: a rolled-back login
//! sends no code, and a slow provider holds no transaction open. [`Outbox::wake`] tells the task at once; it also looks by
//! itself, so that a message survives a crash between commit and wake. The body lies sealed and is wiped when it was sent,
//! has expired or was given up.

mod drawer;
pub mod gsm7;
pub mod provider;
mod run;
mod smtp;
pub(crate) mod store;
mod transport;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::config::TenantId;
use crate::db::{self, Tx};
use crate::secret::{MasterKey, Random, Sealer};

pub use drawer::Drawer;
pub use provider::Providers;
pub use run::run;
pub use smtp::Smtp;
pub use transport::{Refused, SetupError, SmsWay, Transport, report_url, reported};

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    Sms,
    Mail,
}

impl Channel {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Mail => "mail",
        }
    }
}

/// One message. Its content is shown nowhere but to the one it is for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub channel: Channel,
    /// A number in international form, or an e-mail address.
    pub to: String,
    /// Of a mail; nothing personal, because many may read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    pub text: String,
    /// The one-time code or link in the text, for the drawer of demo and tests.
    pub code: Option<String>,
}

impl Message {
    pub fn sms(to: &str, text: &str, code: Option<&str>) -> Self {
        Self::new(Channel::Sms, to, None, text, code)
    }

    pub fn mail(to: &str, subject: &str, text: &str, code: Option<&str>) -> Self {
        Self::new(Channel::Mail, to, Some(subject.to_owned()), text, code)
    }

    fn new(channel: Channel, to: &str, subject: Option<String>, text: &str, code: Option<&str>) -> Self {
        Self {
            channel,
            to: to.to_owned(),
            subject,
            text: text.to_owned(),
            code: code.map(str::to_owned),
        }
    }
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message({})", self.channel.as_str())
    }
}

/// Where messages are left. Cheap to clone; one for the whole process.
#[derive(Clone, Debug)]
pub struct Outbox {
    sealer: Sealer,
    wake: Arc<Notify>,
    sms_down: Arc<AtomicBool>,
}

impl Outbox {
    pub fn new(master: &MasterKey) -> Self {
        Self {
            sealer: master.sealer("outbox"),
            wake: Arc::default(),
            sms_down: Arc::default(),
        }
    }

    /// Leaves a message in the caller's transaction. It is not sent at or after `expires_at`.
    pub async fn put(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        message: &Message,
        expires_at: Timestamp,
        now: Timestamp,
        random: &Random,
    ) -> Result<(), db::Error> {
        let id = random.uuid_v7(now).to_string();
        let body = serde_json::to_vec(message).expect("a message is JSON");
        let sealed = self.sealer.seal(random, bound(tenant.as_str(), &id).as_bytes(), &body);
        store::insert(tx, &id, tenant, message.channel, &sealed, expires_at, now).await
    }

    /// Tells the sending task that something was committed.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Whether no provider takes SMS at the moment, as far as this process knows.
    pub fn sms_is_down(&self) -> bool {
        self.sms_down.load(Ordering::Relaxed)
    }

    fn open(&self, waiting: &store::Waiting) -> Option<Message> {
        let plain = self
            .sealer
            .open(bound(&waiting.tenant, &waiting.id).as_bytes(), &waiting.sealed)?;
        serde_json::from_slice(&plain).ok()
    }
}

fn bound(tenant: &str, id: &str) -> String {
    format!("{tenant}/{id}")
}
