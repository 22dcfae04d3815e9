//! Silent, slow and wild peers, in the clear and over TLS, and the clients of others.

mod others;
mod verifier;
mod wild;

use axum::routing::get;
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs::{self, cipher_suite as suite};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ProtocolVersion, SupportedCipherSuite, SupportedProtocolVersion, version};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::connection::speaks;
use super::*;
use crate::config::TlsPreset;
use crate::http::tls::tests::{HOST, Said, Signer, now};

const SHORT: Waits = Waits {
    handshake: Duration::from_millis(300),
    head: Duration::from_millis(300),
    idle: Duration::from_millis(600),
    drain: Duration::from_millis(300),
};
const ANSWER: &str = "the gateway";

/// A listener that serves until this is dropped.
struct Served {
    signer: Signer,
    tls: Option<Arc<Tls>>,
    address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

impl Served {
    async fn new(preset: Option<TlsPreset>, waits: Waits) -> Self {
        Self::with(preset, waits, &Said::default()).await
    }

    async fn with(preset: Option<TlsPreset>, waits: Waits, said: &Said) -> Self {
        let signer = Signer::new();
        signer.write(said);
        let tls = preset.map(|preset| Arc::new(signer.load(preset).unwrap()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let crowd = Crowd::new(crate::config::Front::default());
        let (stop, stopped) = oneshot::channel();
        let routes = Router::new().route("/", get(|| async { ANSWER }));
        tokio::spawn(run(routes, listener, tls.clone(), crowd, waits, async {
            let _ = stopped.await;
        }));
        Self {
            signer,
            tls,
            address,
            _stop: stop,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn handshake(
        &self,
        suites: &[SupportedCipherSuite],
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[&[u8]],
    ) -> io::Result<TlsStream<TcpStream>> {
        let provider = rustls::crypto::CryptoProvider {
            cipher_suites: suites.to_vec(),
            ..aws_lc_rs::default_provider()
        };
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier::At(self.signer.roots())))
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        let connector = TlsConnector::from(Arc::new(config));
        let name = ServerName::try_from(HOST).unwrap();
        connector.connect(name, self.connect().await).await
    }
}

/// Everything until the peer closes, or `None` if it does not within two seconds.
async fn rest(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(2), stream.read_to_end(&mut bytes)).await;
    // A reset is an end too.
    read.ok().map(|_| bytes)
}

#[tokio::test]
async fn a_connection_that_never_says_which_http_it_speaks_is_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for (bytes, fine) in [
        (&b""[..], false),
        (b"P", false),
        (b"PRI * HTTP/2.0\r\n", false),
        (b"GET", true),
        (b"POST", true),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", true),
    ] {
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        peer.write_all(bytes).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let name = String::from_utf8_lossy(bytes);
        assert_eq!(speaks(&stream, Duration::from_millis(200)).await, fine, "{name:?}");
    }
    let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    drop(peer);
    assert!(
        !speaks(&stream, Duration::from_secs(15)).await,
        "a peer that hung up says nothing any more"
    );
}

#[tokio::test]
async fn d21_each_preset_speaks_its_versions_and_ciphers() {
    let aead = [
        suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ];
    let small = [suite::TLS13_AES_128_GCM_SHA256];
    let strong = [suite::TLS13_AES_256_GCM_SHA384, suite::TLS13_CHACHA20_POLY1305_SHA256];
    let (tls12, tls13) = (&[&version::TLS12][..], &[&version::TLS13][..]);
    for (preset, suites, versions, spoken) in [
        (TlsPreset::Goed, &strong[..1], tls13, Some(ProtocolVersion::TLSv1_3)),
        (TlsPreset::Goed, &strong[1..], tls13, Some(ProtocolVersion::TLSv1_3)),
        (TlsPreset::Goed, &small, tls13, None),
        (TlsPreset::Goed, &aead, tls12, None),
        (TlsPreset::Voldoende, &strong, tls13, Some(ProtocolVersion::TLSv1_3)),
        (TlsPreset::Voldoende, &small, tls13, Some(ProtocolVersion::TLSv1_3)),
        (TlsPreset::Voldoende, &aead[..1], tls12, Some(ProtocolVersion::TLSv1_2)),
        (TlsPreset::Voldoende, &aead[1..2], tls12, Some(ProtocolVersion::TLSv1_2)),
        (TlsPreset::Voldoende, &aead[2..], tls12, Some(ProtocolVersion::TLSv1_2)),
    ] {
        let served = Served::new(Some(preset), Waits::default()).await;
        let shaken = served.handshake(suites, versions, &[]).await;
        let got = shaken.ok().and_then(|stream| stream.get_ref().1.protocol_version());
        assert_eq!(got, spoken, "{preset:?} {suites:?}");
    }
}

#[tokio::test]
async fn d21_what_is_older_than_tls_1_2_is_told_so_and_closed() {
    for preset in [TlsPreset::Voldoende, TlsPreset::Goed] {
        for (name, version) in [("SSL 3.0", 0), ("TLS 1.0", 1), ("TLS 1.1", 2)] {
            let served = Served::new(Some(preset), Waits::default()).await;
            let mut peer = served.connect().await;
            peer.write_all(&wild::hello(version)).await.unwrap();
            let answer = rest(&mut peer).await.expect("the connection is closed");
            // A fatal alert and nothing else: protocol_version, or handshake_failure for what a newer version would need beside
            // (RFC 5246 §7.2.2).
            assert_eq!(answer.len(), 7, "{preset:?} {name}: {answer:?}");
            assert_eq!((answer[0], answer[5]), (21, 2), "{preset:?} {name}: {answer:?}");
            assert!([40, 70].contains(&answer[6]), "{preset:?} {name}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn rsa_certificates_are_served_over_both_versions() {
    let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_3072).unwrap();
    let said = Said { key, ..Said::default() };
    let served = Served::with(Some(TlsPreset::Voldoende), Waits::default(), &said).await;
    let all = aws_lc_rs::default_provider().cipher_suites;
    for version in [&version::TLS12, &version::TLS13] {
        served.handshake(&all, &[version], &[]).await.unwrap();
    }
}

#[tokio::test]
async fn the_protocol_is_agreed_on_in_the_handshake() {
    let served = Served::new(Some(TlsPreset::Voldoende), Waits::default()).await;
    let all = aws_lc_rs::default_provider().cipher_suites;
    let versions = &[&version::TLS13][..];
    let mut http1 = served.handshake(&all, versions, &[b"http/1.1"]).await.unwrap();
    http1
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let answer = String::from_utf8(rest(&mut http1).await.unwrap()).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with(ANSWER),
        "{answer}"
    );

    let mut http2 = served.handshake(&all, versions, &[b"h2", b"http/1.1"]).await.unwrap();
    assert_eq!(http2.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    http2.write_all(&wild::start()).await.unwrap();
    let mut frame = [0; 9];
    http2.read_exact(&mut frame).await.unwrap();
    assert_eq!(frame[3], wild::SETTINGS);

    let none = served.handshake(&all, versions, &[b"spdy/3"]).await;
    assert!(none.is_err(), "no protocol in common");
}

#[tokio::test]
async fn f6_a_handshake_that_stops_or_is_none_ends_soon() {
    let served = Served::new(Some(TlsPreset::Voldoende), SHORT).await;
    for bytes in [
        &b""[..],
        b"\x16\x03\x01\x02\x00\x01",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x80\x2e\x01\x00\x02",
        &[0xff; 4096],
    ] {
        let mut stream = served.connect().await;
        stream.write_all(bytes).await.unwrap();
        let answer = rest(&mut stream).await.expect("the connection is closed");
        assert!(!answer.starts_with(b"HTTP"), "nothing is served in the clear");
    }
    let all = aws_lc_rs::default_provider().cipher_suites;
    for protocol in [&b"h2"[..], b"http/1.1"] {
        let mut silent = served.handshake(&all, &[&version::TLS13], &[protocol]).await.unwrap();
        assert!(
            rest(&mut silent).await.is_some(),
            "silence after the handshake ends too"
        );
    }
}

#[tokio::test]
async fn a_new_certificate_is_shown_without_a_restart() {
    let served = Served::new(Some(TlsPreset::Goed), Waits::default()).await;
    let shown = async || {
        let all = aws_lc_rs::default_provider().cipher_suites;
        let stream = served.handshake(&all, &[&version::TLS13], &[]).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    };
    let first = shown().await;
    assert_eq!(shown().await, first);
    served.signer.write(&Said::default());
    assert_eq!(served.tls.as_ref().unwrap().look(now()), Ok(true));
    assert_ne!(shown().await, first);
}

#[tokio::test]
async fn f6_streams_that_are_opened_and_reset_in_a_row_end_the_connection() {
    let served = Served::new(None, Waits::default()).await;
    let mut stream = served.connect().await;
    stream.write_all(&wild::start()).await.unwrap();
    let mut bytes = Vec::new();
    for id in (1..4_000).step_by(2) {
        bytes.extend(wild::opened_and_reset(id));
    }
    // It may close before everything is sent.
    let _ = stream.write_all(&bytes).await;
    let answer = rest(&mut stream).await.expect("the connection is closed");
    let frames = wild::frames(&answer);
    let last = frames.iter().rev().find(|(kind, _)| *kind == wild::GO_AWAY);
    let (_, payload) = last.expect("it says why");
    assert_eq!(payload[7], wild::ENHANCE_YOUR_CALM, "{frames:?}");

    // Others are served as before.
    let mut other = served.connect().await;
    other
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    assert!(rest(&mut other).await.unwrap().ends_with(ANSWER.as_bytes()));
}

#[tokio::test]
async fn f6_a_head_that_never_ends_is_refused() {
    let served = Served::new(None, Waits::default()).await;
    let mut stream = served.connect().await;
    stream.write_all(&wild::start()).await.unwrap();
    let mut bytes = wild::headers(1, false);
    for _ in 0..4_000 {
        bytes.extend(wild::continuation(1));
    }
    let _ = stream.write_all(&bytes).await;
    let answer = rest(&mut stream).await.expect("the connection is closed");
    assert!(
        wild::frames(&answer).iter().any(|(kind, _)| *kind == wild::GO_AWAY),
        "a flood of CONTINUATION frames (CVE-2024-27316)"
    );
}
