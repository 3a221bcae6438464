//! How long a bank's or the gateway's answer is asked for, and how often. Each question is one to
//! the gateway: a tab that was forgotten must not go on asking for ever.

use crate::browser::{self, sleep};

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;

/// Longer than the server works on one request (30 s): what it has not heard of by then it never
/// will.
const UNHEARD_FOR_MS: i64 = 35 * SECOND_MS;
/// After this long the person asks when they want to know.
const LONGEST_WATCH_MS: i64 = 60 * MINUTE_MS;
/// How often it is looked whether the page can be seen again. It costs nothing.
const HIDDEN_PAUSE_MS: i32 = 2_000;

/// Waits until it is time for the next question, and while nobody sees the page for as long as the
/// answer is wanted. `false` once it has been asked for long enough.
pub async fn wait(began_ms: i64, is_wanted: impl Fn() -> bool) -> bool {
    let Some(pause) = next_pause_ms(browser::now_ms() - began_ms) else {
        return false;
    };
    sleep(pause).await;
    while browser::is_hidden() && is_wanted() {
        sleep(HIDDEN_PAUSE_MS).await;
    }
    true
}

/// The pause before the next question, in milliseconds, when it has been asked for `waited_ms`.
/// `None`: ask no more by itself.
fn next_pause_ms(waited_ms: i64) -> Option<i32> {
    match waited_ms {
        // A person sits before the page and waits.
        ..30_000 => Some(2_000),
        30_000..120_000 => Some(5_000),
        120_000..600_000 => Some(15_000),
        600_000..LONGEST_WATCH_MS => Some(30_000),
        LONGEST_WATCH_MS.. => None,
    }
}

/// Whether a request that was sent so long ago and has not been heard of never arrived.
pub const fn never_arrived(since_sent_ms: i64) -> bool {
    since_sent_ms >= UNHEARD_FOR_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_become_rarer_and_end() {
        let (mut waited, mut questions) = (0, 0);
        let mut last = 0;
        while let Some(pause) = next_pause_ms(waited) {
            assert!(pause >= last, "{pause} after {last}");
            last = pause;
            waited += i64::from(pause);
            questions += 1;
        }
        assert!(waited >= LONGEST_WATCH_MS);
        assert!(questions < 200, "{questions}");
    }

    #[test]
    fn nothing_is_called_lost_while_the_server_may_still_work_on_it() {
        assert!(!never_arrived(30_000));
        assert!(never_arrived(35_000));
    }
}
