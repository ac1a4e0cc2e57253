//! What `cellsync` says of a server's certificate: the reasons of the client crate, with real certificates.

use crate::cellsync::{at, ran};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

/// What a certificate is made of, for one name.
fn certificate(name: &str) -> CertificateParams {
    CertificateParams::new(vec![name.to_owned()]).unwrap()
}

fn authority(name: &str) -> CertificateParams {
    let mut made = certificate(name);
    made.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    made
}

/// A server on a free port that shows this certificate, and refuses every token. It ends with the process.
fn serve(shown: &CertificateDer<'static>, key: &KeyPair) -> String {
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![shown.clone()], key).unwrap();
    let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream);
            // Who does not trust the certificate goes away before a byte is read.
            if stream.read(&mut [0; 8192]).is_ok_and(|read| read > 0) {
                let _ = stream.write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
            }
        }
    });
    format!("https://127.0.0.1:{port}")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_certificate_is_said() {
    // The first of the process chooses; the client's is the same.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let key = || KeyPair::generate().unwrap();
    let (issuer, root) = {
        let (key, made) = (key(), authority("authority"));
        let root = made.self_signed(&key).unwrap();
        (Issuer::new(made, key), root)
    };
    let signed = |made: CertificateParams| {
        let key = key();
        serve(made.signed_by(&key, &issuer).unwrap().der(), &key)
    };
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, pem: String| {
        let file = folder.path().join(name);
        std::fs::write(&file, pem).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let trusted = file("root.pem", root.pem());
    let (own_key, other_key) = (key(), key());
    let own = certificate("127.0.0.1").self_signed(&own_key).unwrap();
    // As `openssl req -x509` makes one.
    let both = authority("127.0.0.1").self_signed(&other_key).unwrap();
    let both_trusted = file("both.pem", both.pem());

    let good = signed(certificate("127.0.0.1"));
    let (mut expired, mut future) = (certificate("127.0.0.1"), certificate("127.0.0.1"));
    expired.not_after = date_time_ymd(2020, 1, 1);
    future.not_before = date_time_ymd(3000, 1, 1);
    let (expired, future) = (signed(expired), signed(future));
    for (server, ca, ends, advice) in [
        (&good, Some(&trusted), 4, "does not take the access token"),
        (&good, None, 3, "signed by nobody whom this machine trusts"),
        (&serve(own.der(), &own_key), None, 3, "signed by nobody whom this machine trusts"),
        (&serve(both.der(), &other_key), Some(&both_trusted), 3, "an authority's own"),
        (&signed(certificate("records.example.vn")), Some(&trusted), 3, "is for another name"),
        (&expired, Some(&trusted), 3, "has expired or is not valid yet"),
        (&future, Some(&trusted), 3, "has expired or is not valid yet"),
    ] {
        let mut command = at(server, "crt_x", &folder.path().join("copy.sqlite"));
        command.envs(ca.map(|ca| ("CELLSYNC_CA", ca)));
        let (status, _, err) = ran(command, &["pull"]).await;
        assert!(status == ends && err.contains(advice), "{status}, not {advice}: {err}");
    }
}
