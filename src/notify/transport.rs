//! The ways for SMS and mail, as the configuration says, and what became of a message.

use std::time::Duration;

use jiff::Timestamp;

use super::provider::Outgoing;
use super::provider::report::Delivery;
use super::store::{self, Waiting};
use super::{Channel, Drawer, Message, Providers, Smtp, smtp};
use crate::config::{self, Config, ProviderKind};
use crate::db::{self, Db};

const SEND: Duration = Duration::from_secs(3);

/// How messages leave.
#[derive(Clone, Debug)]
pub enum Transport {
    /// Both.
    Drawer(Drawer),
    Real {
        sms: SmsWay,
        /// `None`: nobody gets mail.
        mail: Option<Box<Smtp>>,
    },
}

/// How SMS leave.
#[derive(Clone, Debug)]
pub enum SmsWay {
    Drawer(Drawer),
    Providers(Providers),
}

/// Why the configuration's way for messages cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error("the SMS providers cannot be reached from here")]
    Sms(#[from] reqwest::Error),
    #[error(transparent)]
    Mail(#[from] smtp::SetupError),
}

impl Transport {
    /// As the configuration says. Providers may send their reports to `/hooks/sms/…` where browsers come over TLS.
    pub fn new(config: &Config) -> Result<Self, SetupError> {
        let sms = match &config.sms.transport {
            config::Transport::Drawer { dir } => SmsWay::Drawer(Drawer { dir: dir.clone() }),
            config::Transport::Providers(providers) => SmsWay::Providers(Providers::new(providers, |provider| {
                let signs = match provider.kind {
                    ProviderKind::Twilio => true,
                    ProviderKind::MessageBird => provider.signing.is_some(),
                    ProviderKind::Cm | ProviderKind::Spryng => false,
                };
                (signs && config.server.is_https()).then(|| report_url(config, provider.kind))
            })?),
        };
        Ok(match (sms, &config.mail) {
            (SmsWay::Drawer(drawer), config::Mail::Drawer) => Self::Drawer(drawer),
            (sms, config::Mail::Smtp(settings)) => Self::Real {
                sms,
                mail: Some(Box::new(Smtp::new(settings)?)),
            },
            (sms, config::Mail::Drawer | config::Mail::Nowhere) => Self::Real { sms, mail: None },
        })
    }

    pub(super) fn sms_is_down(&self, now: Timestamp) -> bool {
        match self {
            Self::Drawer(_)
            | Self::Real {
                sms: SmsWay::Drawer(_), ..
            } => false,
            Self::Real {
                sms: SmsWay::Providers(providers),
                ..
            } => providers.down(now),
        }
    }
}

/// Where a provider reports to, without the query.
pub fn report_url(config: &Config, kind: ProviderKind) -> String {
    format!("{}hooks/sms/{}", config.server.public_url, kind.as_str())
}

/// Notes a provider's report; whether it is about a message of ours.
pub async fn reported(db: &Db, reference: &str, delivery: Delivery) -> Result<bool, db::Error> {
    let mut tx = db.begin().await?;
    let known = store::reported(&mut tx, reference, delivery.as_str()).await?;
    tx.commit().await?;
    if known {
        metrics::counter!("sms_reported_total", "delivery" => delivery.as_str()).increment(1);
    }
    Ok(known)
}

/// A message that was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the provider cannot take it now")]
    ForNow,
    #[error("the provider will never take it")]
    ForGood,
}

impl Transport {
    pub(super) async fn send(&self, waiting: &Waiting, message: &Message, now: Timestamp) -> Result<(), Refused> {
        match (self, message.channel) {
            (Self::Drawer(drawer), _)
            | (
                Self::Real {
                    sms: SmsWay::Drawer(drawer),
                    ..
                },
                Channel::Sms,
            ) => tokio::time::timeout(SEND, drawer.send(message, now))
                .await
                .unwrap_or(Err(Refused::ForNow)),
            (
                Self::Real {
                    sms: SmsWay::Providers(providers),
                    ..
                },
                Channel::Sms,
            ) => {
                let out = Outgoing {
                    reference: &waiting.id,
                    to: &message.to,
                    text: &message.text,
                    seconds: waiting.expires_at.duration_since(now).as_secs().clamp(1, 72 * 3_600),
                    report_to: None,
                };
                providers.send(out, now).await
            }
            (Self::Real { mail: Some(smtp), .. }, Channel::Mail) => smtp.send(&waiting.id, message).await,
            (Self::Real { mail: None, .. }, Channel::Mail) => Err(Refused::ForGood),
        }
    }
}
