//! Key sets over real TLS, from a site that answers as a test wants.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

/// A web server on the loopback interface with a certificate of its own.
pub(in crate::oauth) struct Site {
    pub(in crate::oauth) url: String,
    pub(in crate::oauth) hits: Arc<AtomicUsize>,
    answer: Arc<Mutex<String>>,
    dir: tempfile::TempDir,
}

impl Site {
    pub(in crate::oauth) async fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.pem"), made.cert.pem()).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (hits, answer) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(String::new())));
        let (counted, told) = (Arc::clone(&hits), Arc::clone(&answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    continue;
                };
                counted.fetch_add(1, Ordering::SeqCst);
                let mut head = [0; 4096];
                let _ = stream.read(&mut head).await;
                let text = told.lock().unwrap().clone();
                let _ = stream.write_all(text.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        Self {
            url: format!("https://localhost:{port}/jwks"),
            hits,
            answer,
            dir,
        }
    }

    pub(in crate::oauth) fn settings(&self) -> OAuth {
        OAuth {
            private_app_keys: true,
            app_keys_ca: Some(
                crate::config::Authorities::parse(&std::fs::read(self.dir.path().join("ca.pem")).unwrap()).unwrap(),
            ),
        }
    }

    pub(in crate::oauth) fn serves(&self, keys: &Value, cache: &str) {
        self.answers("200 OK", &format!("Cache-Control: {cache}\r\n"), &keys.to_string());
    }

    fn answers(&self, status: &str, headers: &str, body: &str) {
        let length = body.len();
        *self.answer.lock().unwrap() =
            format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{headers}Connection: close\r\n\r\n{body}");
    }

    fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }
}

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

fn after(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

fn keys(kids: &[&str]) -> Value {
    let keys: Vec<Value> = kids.iter().map(|kid| json!({"kty": "EC", "kid": kid})).collect();
    json!({ "keys": keys })
}

#[tokio::test]
async fn b25_c13_a_key_set_that_is_too_large_elsewhere_or_no_key_set_is_not_taken() {
    let site = Site::new().await;
    let published = Published::new(&site.settings());
    let large = format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(LARGEST));
    let moved = format!("Location: {}\r\n", site.url);
    for (at, (status, headers, body)) in [
        ("302 Found", moved.as_str(), ""),
        ("404 Not Found", "", "{\"keys\":[]}"),
        ("200 OK", "", large.as_str()),
        ("200 OK", "", "<html>"),
        ("200 OK", "", "{\"keys\":{}}"),
        ("200 OK", "", "{\"keys\":[],\"keys\":[]}"),
    ]
    .into_iter()
    .enumerate()
    {
        site.answers(status, headers, body);
        let url = format!("{}?{at}", site.url);
        assert_eq!(published.keys(&url, "a", now()).await, None, "{status} {headers}");
        assert_eq!(site.hits(), at + 1, "a redirect is not followed");
    }
    site.serves(&keys(&["a"]), "max-age=60");
    assert!(published.keys(&site.url, "a", now()).await.is_some());
}

#[tokio::test]
async fn b25_c13_nothing_inside_is_asked_for_keys() {
    let site = Site::new().await;
    site.serves(&keys(&["a"]), "max-age=60");
    let settings = OAuth {
        private_app_keys: false,
        ..site.settings()
    };
    let published = Published::new(&settings);
    let numbered = site.url.replace("localhost", "127.0.0.1");
    for url in [
        site.url.as_str(),
        &numbered,
        "https://[::1]/jwks",
        "https://169.254.169.254/",
        "https://2130706433/",
    ] {
        assert_eq!(published.keys(url, "a", now()).await, None, "{url}");
    }
    assert_eq!(site.hits(), 0);
    for url in [
        "http://app.example/jwks",
        "file:///etc/passwd",
        "https://u:p@app.example/",
    ] {
        assert!(!may_fetch(&Url::parse(url).unwrap(), true), "{url}");
    }
    // A certificate of somebody else's authority.
    let stranger = Published::new(&OAuth {
        private_app_keys: true,
        ..Site::new().await.settings()
    });
    assert_eq!(stranger.keys(&site.url, "a", now()).await, None);
}

#[tokio::test]
async fn b23_an_unknown_key_id_fetches_the_set_again_and_not_more_than_once_in_ten_seconds() {
    let site = Site::new().await;
    let published = Published::new(&site.settings());
    site.serves(&keys(&["a"]), "max-age=600");
    for _ in 0..3 {
        assert!(published.keys(&site.url, "a", now()).await.is_some());
    }
    assert_eq!(site.hits(), 1);
    site.serves(&keys(&["a", "b"]), "max-age=600");
    for kid in ["b", "c", "d"] {
        published.keys(&site.url, kid, after(9)).await;
    }
    assert_eq!(site.hits(), 1, "the set was fetched a moment ago");
    for kid in ["b", "c", "d", "b"] {
        let set = published.keys(&site.url, kid, after(10)).await.unwrap();
        assert_eq!(set["keys"].as_array().unwrap().len(), 2);
    }
    assert_eq!(site.hits(), 2);
    // A site that is down takes nothing away that is still believed.
    site.answers("500 Internal Server Error", "", "");
    assert!(published.keys(&site.url, "e", after(30)).await.is_some());
    assert!(published.keys(&site.url, "b", after(31)).await.is_some());
    assert_eq!(site.hits(), 3);
    assert_eq!(published.keys(&site.url, "b", after(700)).await, None);
}

#[tokio::test]
async fn b04_a_key_set_is_not_believed_longer_than_its_cache_control_says() {
    let site = Site::new().await;
    let published = Published::new(&site.settings());
    site.serves(&keys(&["a"]), "public, max-age=60");
    published.keys(&site.url, "a", now()).await;
    site.serves(&keys(&["b"]), "no-store");
    assert!(published.keys(&site.url, "a", after(59)).await.is_some());
    assert_eq!(site.hits(), 1);
    let set = published.keys(&site.url, "a", after(60)).await.unwrap();
    assert_eq!(
        set["keys"][0]["kid"], "b",
        "a key that was taken out does not count any more"
    );
    published.keys(&site.url, "b", after(61)).await;
    assert_eq!(site.hits(), 3, "no-store");
    for (told, seconds) in [
        ("", 300),
        ("max-age=5", 5),
        ("MAX-AGE=5, public", 5),
        ("max-age=\"7\"", 7),
        ("max-age=x", 0),
        ("private, no-cache, max-age=5", 0),
    ] {
        assert_eq!(life(told), seconds, "{told}");
    }
}

#[tokio::test]
async fn b25_fifty_who_ask_at_once_are_one_fetch() {
    let site = Site::new().await;
    let published = Arc::new(Published::new(&site.settings()));
    site.serves(&keys(&["a"]), "max-age=60");
    let asks: Vec<_> = (0..50)
        .map(|_| {
            let (published, url) = (Arc::clone(&published), site.url.clone());
            tokio::spawn(async move { published.keys(&url, "a", now()).await.is_some() })
        })
        .collect();
    for ask in asks {
        assert!(ask.await.unwrap());
    }
    assert_eq!(site.hits(), 1);
}
