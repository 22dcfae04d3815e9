//! Mail by SMTP (RFC 5321), always encrypted: a server that offers no TLS gets no mail.
//!
//! # Design
//! Only a mail server on this very machine may be reached in clear. A refusal for good (5xx) ends the mail; everything else is
//! tried again by the outbox. The subject is the same for all mails of a kind and holds nothing personal.

use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, MessageBuilder};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};

use super::{Message, Refused};
use crate::config::{Encryption, Smtp as Settings};

const LONGEST: Duration = Duration::from_secs(15);

/// A mail server. Cheap to clone.
#[derive(Clone)]
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl std::fmt::Debug for Smtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Smtp(…)")
    }
}

/// Why the mail server of the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error("mail.from is no mail address")]
    From,
    #[error("mail.ca_file cannot be used")]
    Certificate,
    #[error("mail.host cannot be used for TLS")]
    Tls,
}

impl Smtp {
    pub fn new(settings: &Settings) -> Result<Self, SetupError> {
        let from: Mailbox = settings.from.parse().map_err(|_| SetupError::From)?;
        let host = settings.host.as_str();
        let tls = || {
            let mut parameters = TlsParameters::builder(host.to_owned());
            if let Some(pem) = &settings.ca {
                let root = Certificate::from_pem(pem.as_bytes()).map_err(|_| SetupError::Certificate)?;
                parameters = parameters.add_root_certificate(root);
            }
            parameters.build_rustls().map_err(|_| SetupError::Tls)
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(settings.port)
            .timeout(Some(LONGEST))
            .tls(match settings.encryption {
                Encryption::Tls => Tls::Wrapper(tls()?),
                Encryption::StartTls => Tls::Required(tls()?),
                Encryption::Loopback => Tls::None,
            });
        if let Some((user, password)) = &settings.login {
            builder = builder.credentials(Credentials::new(user.clone(), password.expose().clone()));
        }
        Ok(Self {
            transport: builder.build(),
            from,
        })
    }

    pub(super) async fn send(&self, reference: &str, message: &Message) -> Result<(), Refused> {
        // An address that cannot stand in a header never gets there.
        let to: Address = message.to.parse().map_err(|_| Refused::ForGood)?;
        let host = self.from.email.domain();
        let mail = MessageBuilder::new()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(message.subject.as_deref().unwrap_or_default())
            // The same at every try, so that a mail box can tell a repetition.
            .message_id(Some(format!("<{reference}@{host}>")))
            .header(ContentType::TEXT_PLAIN)
            .body(message.text.clone())
            .map_err(|_| Refused::ForGood)?;
        match tokio::time::timeout(LONGEST, self.transport.send(mail)).await {
            Ok(Ok(_)) => {
                metrics::counter!("mail_sent_total").increment(1);
                Ok(())
            }
            Ok(Err(error)) if error.is_permanent() => {
                metrics::counter!("mail_failed_total", "reason" => "refused").increment(1);
                Err(Refused::ForGood)
            }
            Ok(Err(_)) | Err(_) => {
                metrics::counter!("mail_failed_total", "reason" => "unreachable").increment(1);
                Err(Refused::ForNow)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::TcpListener;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::secret::Secret;

    /// A mail server for one mail: it answers RCPT with `rcpt` and gives what it heard.
    async fn server(rcpt: &'static str) -> (u16, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let (read, mut write) = stream.into_split();
            let (mut lines, mut heard, mut data) = (BufReader::new(read).lines(), String::new(), false);
            write.write_all(b"220 mail.example\r\n").await.unwrap();
            while let Ok(Some(line)) = lines.next_line().await {
                heard.push_str(&line);
                heard.push('\n');
                let answer = match line.split(' ').next().unwrap_or_default() {
                    _ if data && line != "." => continue,
                    "." => {
                        data = false;
                        "250 taken"
                    }
                    "EHLO" => "250-mail.example\r\n250 8BITMIME",
                    "RCPT" => rcpt,
                    "DATA" => {
                        data = true;
                        "354 go on"
                    }
                    "QUIT" => "221 bye",
                    _ => "250 fine",
                };
                let gone = write.write_all(format!("{answer}\r\n").as_bytes()).await;
                if gone.is_err() || answer.starts_with("221") {
                    break;
                }
            }
            heard
        });
        (port, task)
    }

    fn settings(port: u16, encryption: Encryption) -> Settings {
        Settings {
            host: "127.0.0.1".to_owned(),
            port,
            encryption,
            from: "Topaz <portaal@topaz.example>".to_owned(),
            login: None,
            ca: None,
        }
    }

    fn mail(to: &str) -> Message {
        Message::mail(to, "Bericht van Topaz", "Beste mevrouw,\n\nuw cliëntportaal\n", None)
    }

    #[tokio::test]
    async fn a_mail_arrives_as_it_was_written() {
        let (port, heard) = server("250 fine").await;
        let smtp = Smtp::new(&settings(port, Encryption::Loopback)).unwrap();
        smtp.send("r1", &mail("m.bakker@example.org")).await.unwrap();
        drop(smtp);
        let heard = heard.await.unwrap();
        for line in [
            "MAIL FROM:<portaal@topaz.example>",
            "RCPT TO:<m.bakker@example.org>",
            "Message-ID: <r1@topaz.example>",
            "Subject: Bericht van Topaz",
        ] {
            assert!(heard.contains(line), "{line} in {heard}");
        }
        assert!(!heard.contains("Bcc"));
    }

    #[tokio::test]
    async fn a_refusal_for_good_ends_the_mail_and_everything_else_is_tried_again() {
        for (answer, expected) in [
            ("550 no such mail box", Refused::ForGood),
            ("450 grey-listed, come back", Refused::ForNow),
        ] {
            let (port, _) = server(answer).await;
            let smtp = Smtp::new(&settings(port, Encryption::Loopback)).unwrap();
            assert_eq!(smtp.send("r1", &mail("m@example.org")).await, Err(expected));
        }
        // Nobody listens; or somebody who speaks no TLS, who then hears no mail.
        let smtp = Smtp::new(&settings(9, Encryption::Loopback)).unwrap();
        assert_eq!(smtp.send("r1", &mail("m@example.org")).await, Err(Refused::ForNow));
        let (port, heard) = server("250 fine").await;
        let smtp = Smtp::new(&settings(port, Encryption::StartTls)).unwrap();
        assert!(smtp.send("r1", &mail("m@example.org")).await.is_err());
        drop(smtp);
        assert!(!heard.await.unwrap().contains("MAIL FROM"));
    }

    #[tokio::test]
    async fn an_address_that_would_end_the_header_goes_nowhere() {
        let smtp = Smtp::new(&Settings {
            login: Some(("u".to_owned(), Secret::new("p".to_owned()))),
            ..settings(9, Encryption::Tls)
        })
        .unwrap();
        for to in [
            "",
            "m",
            "m@example.org\r\nBcc: x@example.org",
            "m@example.org, x@example.org",
        ] {
            assert_eq!(smtp.send("r1", &mail(to)).await, Err(Refused::ForGood), "{to}");
        }
    }
}
