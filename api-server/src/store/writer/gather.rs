//! Which commands become one set: those that wait, and those of callers who were just answered.

use super::{Job, Outcome, Reply};
use crate::store::items::Command;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// At most so many commands in one set.
const SET_COMMANDS: usize = 256;
/// At most so many items in one set, but for a single command.
const SET_ITEMS: usize = 1_000;
/// At most so many bytes of requests in one set.
const SET_BYTES: usize = 8 * 1024 * 1024;
/// How long the writer waits, at most, for callers that it has just answered.
const LINGER: Duration = Duration::from_millis(4);
/// The pause between two looks at who has come back.
const LINGER_PAUSE: Duration = Duration::from_micros(100);
/// So many looks without anybody new end the wait.
const LINGER_LOOKS: usize = 4;

/// A command, and where its outcome goes.
pub(super) type Waiting = (Box<Command>, Reply<Outcome>);

/// Callers that the last set answered come back within moments: one set with all of them costs one commit. Waits while
/// more arrive, never for more than there were. It blocks the thread, which has nothing else to do: a timer of the
/// runtime would be ten times too coarse.
pub(super) fn linger(jobs: &mpsc::Receiver<Job>, answered: usize) {
    let (begun, mut seen, mut idle) = (Instant::now(), jobs.len(), 0);
    while seen + 1 < answered && idle < LINGER_LOOKS && begun.elapsed() < LINGER {
        std::thread::sleep(LINGER_PAUSE);
        let now = jobs.len();
        idle = if now == seen { idle + 1 } else { 0 };
        seen = now;
    }
}

/// Takes what waits, up to the limits of a set, and answers who asks whether the writer is alive, unless that takes a
/// write (`failing`). Returns a job that did not fit.
pub(super) fn gather(set: &mut Vec<Waiting>, jobs: &mut mpsc::Receiver<Job>, failing: bool) -> Option<Job> {
    let alone = |command: &Command| command.dry_run || command.items.len() >= SET_ITEMS;
    let mut items: usize = set.iter().map(|(command, _)| command.items.len()).sum();
    let mut bytes: usize = set.iter().map(|(command, _)| command.bytes).sum();
    if set.iter().any(|(command, _)| alone(command)) {
        return None;
    }
    while set.len() < SET_COMMANDS {
        let job = jobs.try_recv().ok()?;
        match job {
            Job::Records(command, reply)
                if !alone(&command)
                    && items + command.items.len() <= SET_ITEMS
                    && bytes + command.bytes <= SET_BYTES =>
            {
                items += command.items.len();
                bytes += command.bytes;
                set.push((command, reply));
            }
            Job::Probe(reply) if !failing => {
                let _ = reply.send(());
            }
            job => return Some(job),
        }
    }
    None
}
