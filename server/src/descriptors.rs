//! How many files and connections this process may have open.
//!
//! Owns the system's limit and what of it is left for connections. Does not own how these are
//! accepted (`listener`).

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Each takes a descriptor and some kilobytes. Whoever comes beyond that waits in the system's
/// queue.
pub(crate) const MOST_CONNECTIONS: usize = 8_192;
/// For everything that is no connection of a client: the database, the gateway, files, logs.
const RESERVE: usize = 512;

/// Raises the limit to what is needed, as far as the system lets us: many start programs with
/// room for 1,024, and one client could use that up for all. Returns the limit.
pub(crate) fn raise_limit() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let Some(raised) = raised(limit) else {
        return in_force(limit.current);
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => in_force(raised.current),
        Err(error) => {
            tracing::warn!(%error, "the limit of open files cannot be raised");
            in_force(limit.current)
        }
    }
}

/// What to raise the limit to; `None` where it is enough, or as high as it may be.
fn raised(limit: Rlimit) -> Option<Rlimit> {
    let needed = (MOST_CONNECTIONS + RESERVE) as u64;
    let current = limit.current?;
    let reachable = limit.maximum.map_or(needed, |most| most.min(needed));
    (current < reachable).then_some(Rlimit {
        current: Some(reachable),
        maximum: limit.maximum,
    })
}

fn in_force(limit: Option<u64>) -> usize {
    limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    })
}

/// How many connections there is room for beside everything else.
pub(crate) fn room_for_connections(limit: usize) -> usize {
    let reserve = RESERVE.min(limit / 2);
    (limit - reserve).clamp(1, MOST_CONNECTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(current: u64, maximum: u64) -> Rlimit {
        Rlimit {
            current: Some(current),
            maximum: Some(maximum),
        }
    }

    #[test]
    fn the_limit_is_raised_to_what_is_needed_and_never_lowered() {
        let usual = raised(limit(1_024, 524_288)).and_then(|limit| limit.current);
        assert_eq!(usual, Some(8_704));
        assert_eq!(raised(limit(1_024, 4_096)), Some(limit(4_096, 4_096)));
        assert_eq!(raised(limit(1_024, 1_024)), None);
        assert_eq!(raised(limit(20_000, 20_000)), None);
        let unlimited = Rlimit {
            current: None,
            maximum: None,
        };
        assert_eq!(raised(unlimited), None);
    }

    #[test]
    fn connections_leave_descriptors_to_the_database_and_the_gateway() {
        for (limit, room) in [
            (usize::MAX, 8_192),
            (8_704, 8_192),
            (4_096, 3_584),
            (1_024, 512),
            (256, 128),
            (0, 1),
        ] {
            assert_eq!(room_for_connections(limit), room, "{limit}");
        }
    }
}
