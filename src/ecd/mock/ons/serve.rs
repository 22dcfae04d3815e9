//! Listens, shakes hands, and tells the routes which certificate a request comes with.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::public_key::PublicKey;

use super::routes::Certificate;
use super::{Authority, Error, Pair, Sni, authority};
use crate::ecd::mock::mishap::Mishaps;
use crate::secret;

/// The least of an RSA key.
const RSA_BITS: usize = 4096;

/// Connections that may be open at once.
const CONNECTIONS: usize = 500;

/// Gives the one certificate; to clients that name no host only where that is allowed.
#[derive(Debug)]
struct Own {
    key: Arc<CertifiedKey>,
    /// Of an authority that nobody trusts, for mishaps.
    strange: Arc<CertifiedKey>,
    mishaps: Mishaps,
    sni: Sni,
}

impl ResolvesServerCert for Own {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = hello.server_name().is_some();
        let key = if self.mishaps.spoils_handshake() {
            &self.strange
        } else {
            &self.key
        };
        (named || self.sni == Sni::Optional).then(|| Arc::clone(key))
    }
}

pub(in crate::ecd::mock) fn acceptor(
    authority: &Authority,
    address: IpAddr,
    sni: Sni,
    mishaps: &Mishaps,
) -> Result<TlsAcceptor, Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(certificate(authority.ca_pem()))?;
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider)).build()?;
    let certified = |pair: &Pair| {
        let key = PrivateKeyDer::from_pem_slice(pair.key_pem.expose().as_bytes()).expect("we wrote this key");
        CertifiedKey::from_der(vec![certificate(&pair.certificate_pem)], key, &provider).map(Arc::new)
    };
    let own = Own {
        key: certified(&authority.server(address)?)?,
        strange: certified(&authority::strange(address)?)?,
        mishaps: mishaps.clone(),
        sni,
    };
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(own));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificate(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).expect("the authority's certificates were read or written before")
}

/// Serves until it is dropped, and with it every connection.
pub(in crate::ecd::mock) async fn run(listener: TcpListener, acceptor: TlsAcceptor, router: Router) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= CONNECTIONS {
            connections.join_next().await;
        }
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(connection(stream, acceptor.clone(), router.clone()));
            }
            // Out of file handles, mostly: wait for connections to close.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Whether the key is RSA of fewer bits than the vendor asks of a request to sign one. ASSUMPTION: it takes keys on an elliptic curve;
/// what it says of sizes is about RSA.
fn is_weak(certificate: &CertificateDer<'_>) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        return true;
    };
    match certificate.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => key.key_size() < RSA_BITS,
        _ => false,
    }
}

async fn connection(stream: TcpStream, acceptor: TlsAcceptor, router: Router) {
    let _ = stream.set_nodelay(true);
    // A refused handshake is the client's to see; the mock has nothing to add.
    let Ok(Ok(tls)) = tokio::time::timeout(Duration::from_secs(10), acceptor.accept(stream)).await else {
        return;
    };
    let Some(own) = tls.get_ref().1.peer_certificates().and_then(<[_]>::first) else {
        return;
    };
    let certificate = Certificate {
        print: secret::sha256(own),
        is_weak: is_weak(own),
    };
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(certificate);
        router.clone().oneshot(request)
    });
    let _ = auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(tls), service)
        .await;
}
