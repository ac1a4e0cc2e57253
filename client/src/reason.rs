//! Why a server was not reached, as the chain of causes says.

use std::error::Error;
use std::io::ErrorKind;

/// What stands between the client and the server.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// There is no host of this name.
    UnknownHost,
    /// Nothing listens at the port.
    Refused,
    /// The server's certificate is signed by nobody whom the client trusts.
    Untrusted,
    /// The server's certificate is for another name.
    WrongName,
    /// The server's certificate has expired, or is not valid yet.
    Expired,
    /// The server shows the certificate of an authority, as many self-signed ones are: only one that an authority signs can be
    /// a server's.
    Authority,
    /// What is spoken there is not TLS.
    NoTls,
    /// TLS fails for another reason.
    Tls,
    /// No answer came in time.
    Late,
}

impl Reason {
    /// Whether it comes again until somebody mends a certificate, a name or a setting.
    pub fn is_lasting(self) -> bool {
        !matches!(self, Reason::Refused | Reason::Late)
    }

    /// What the chain of causes says.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(cause) = next {
            if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
                return Some(Reason::of_tls(tls));
            }
            let io = cause.downcast_ref::<std::io::Error>();
            if io.is_some_and(|io| io.kind() == ErrorKind::ConnectionRefused) {
                return Some(Reason::Refused);
            }
            // The standard library has no other mark of a name that does not exist, as against a resolver out of reach.
            let text = cause.to_string();
            if text.contains("failed to lookup address") && !text.contains("emporary") && !text.contains("ry again") {
                return Some(Reason::UnknownHost);
            }
            // The `source` of an I/O error is that of its inner error: it passes the inner error over.
            let inner = io.and_then(std::io::Error::get_ref);
            next = inner.map(|inner| inner as &(dyn Error + 'static)).or_else(|| cause.source());
        }
        None
    }

    fn of_tls(error: &rustls::Error) -> Self {
        use rustls::CertificateError as Certificate;
        match error {
            rustls::Error::InvalidMessage(_) => Reason::NoTls,
            rustls::Error::InvalidCertificate(fault) => match fault {
                Certificate::Expired
                | Certificate::ExpiredContext { .. }
                | Certificate::NotValidYet
                | Certificate::NotValidYetContext { .. } => Reason::Expired,
                Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => Reason::WrongName,
                Certificate::UnknownIssuer => Reason::Untrusted,
                // rustls has no name for it but that of the check.
                Certificate::Other(fault) if fault.to_string().contains("CaUsedAsEndEntity") => Reason::Authority,
                _ => Reason::Tls,
            },
            _ => Reason::Tls,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Reason;
    use rustls::CertificateError::{ExpiredContext, NotValidForName, UnknownIssuer};
    use rustls::pki_types::UnixTime;
    use std::io::Error;
    use std::time::Duration;

    #[test]
    fn only_what_somebody_must_mend_lasts() {
        let of = |error: Error| Reason::of(&error).map(|reason| (reason, reason.is_lasting()));
        let tls = |fault| Error::other(Error::other(rustls::Error::InvalidCertificate(fault)));
        let time = UnixTime::since_unix_epoch(Duration::ZERO);
        assert_eq!(of(tls(UnknownIssuer)), Some((Reason::Untrusted, true)));
        assert_eq!(of(tls(NotValidForName)), Some((Reason::WrongName, true)));
        assert_eq!(of(tls(ExpiredContext { time, not_after: time })), Some((Reason::Expired, true)));
        let lookup = |why: &str| Error::other(format!("failed to lookup address information: {why}"));
        assert_eq!(of(lookup("Name or service not known")), Some((Reason::UnknownHost, true)));
        assert_eq!(of(lookup("Temporary failure in name resolution")), None);
        assert_eq!(of(Error::from(std::io::ErrorKind::ConnectionRefused)), Some((Reason::Refused, false)));
    }
}
