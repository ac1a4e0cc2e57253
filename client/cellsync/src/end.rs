//! How the program ends: its exit status, and what it says of a failure.

use cell_records_client::{Error, Reason};
use serde_json::json;
use std::process::ExitCode;

/// The exit status.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// All was done.
    Done = 0,
    /// Done, and a person has something to decide.
    Undecided = 1,
    /// Nothing was tried.
    Usage = 2,
    Unreachable = 3,
    Denied = 4,
    Refused = 5,
    Copy = 6,
}

/// The statuses, for the help.
pub const HELP: &str = "Exit status:
  0  done
  1  done, and somebody must look: items were refused, pairs are unclear, a chosen unit is not
     found, the token has no grant, or the copy differs from the server
  2  wrong arguments or settings; nothing was done
  3  the server was not reached, or could not work; the same command may succeed later
  4  the server does not take the token, or it lacks a right
  5  the server refused the call, or its answer was not understood
  6  the local copy, or another file, cannot be read or written";

impl From<End> for ExitCode {
    fn from(end: End) -> Self {
        ExitCode::from(end as u8)
    }
}

/// Says what failed, on standard error.
pub fn report(error: &anyhow::Error, json: bool) -> End {
    let known = error.downcast_ref::<Error>();
    let end = match known {
        None if error.chain().any(|cause| cause.is::<std::io::Error>()) => End::Copy,
        None | Some(Error::Refused(_)) => End::Usage,
        Some(Error::Store(_)) => End::Copy,
        Some(error) if matches!(error.status(), Some(401 | 403)) => End::Denied,
        Some(error) if error.reason().is_some() || error.is_retryable() => End::Unreachable,
        Some(_) => End::Refused,
    };
    let advice = known.and_then(advice);
    if json {
        let code = known.and_then(|known| known.code());
        eprintln!("{}", json!({"error": format!("{error:#}"), "advice": advice, "code": code, "exit": end as u8}));
    } else {
        eprintln!("cellsync: {error:#}");
        if let Some(advice) = advice {
            eprintln!("{advice}");
        }
    }
    end
}

/// What to do about it, in plain words.
fn advice(error: &Error) -> Option<&'static str> {
    if error.status() == Some(401) {
        return Some("The server does not take the access token: it is mistyped, has expired or is revoked.");
    }
    Some(match error.reason()? {
        Reason::UnknownHost => "There is no host of this name: check the server's address for mistakes.",
        Reason::Refused => "Nothing listens there: check the port, and whether the server runs.",
        Reason::Untrusted => {
            "The server's certificate is signed by nobody whom this machine trusts: name its authority with --ca."
        }
        Reason::WrongName => "The server's certificate is for another name: use the name that stands in it.",
        Reason::Expired => {
            "The server's certificate has expired or is not valid yet: look at both clocks, and renew it."
        }
        Reason::Authority => {
            "The server's certificate is an authority's own, as self-signed ones often are: give the server one that an \
             authority signs."
        }
        Reason::NoTls => {
            "The server does not speak TLS there: check the port, and whether it is http:// instead of https://."
        }
        Reason::Late => {
            "The server, or the way to it, was too slow: try again, and look for a firewall that drops packets."
        }
        _ => return None,
    })
}
