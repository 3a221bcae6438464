//! What happens to an organization's money, at random.

use std::collections::BTreeMap;

use proptest::prelude::*;

pub const MINUTE: i64 = 60;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;
/// Among how many of the last holds one is named: older ones have ended long ago.
const LAST_HOLDS: usize = 4;

#[derive(Debug, Clone)]
pub enum Act {
    TopUp {
        cents: i64,
    },
    /// Under one of a few keys: some are given already, as the same or as another.
    Grant(GrantAct),
    /// Requests by number, with their tokens: some are counted already, as the same or, where one
    /// is told alone, as another.
    Use(Vec<Request>),
    /// Under one of a few ids, or under none.
    Open(OpenAct),
    /// One of the last few holds, counted from the newest.
    Capture {
        hold: usize,
        used: Used,
    },
    Release {
        hold: usize,
    },
    Heartbeat {
        hold: usize,
    },
    /// Of one of the top-ups so far; of some too little is left, is held, or they are too long ago.
    Refund {
        which: usize,
        amount: RefundAmount,
    },
    Wait {
        seconds: i64,
    },
    ExpireCredit,
    ExpireHolds,
}

#[derive(Debug, Clone)]
pub struct GrantAct {
    pub key: u8,
    pub nanos: i64,
    /// `Some(0)`: the usual 90 days. `None`: never.
    pub hours: Option<i64>,
    pub priority: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    pub id: u8,
    pub input: i64,
    pub output: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenAct {
    pub id: Option<u8>,
    pub model: Model,
    pub input: i64,
    pub most: i64,
}

/// What a request that was held for used, and how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    pub input: i64,
    pub output: i64,
    pub status: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// Whose input leaves a remainder below a nano-dollar, and whose output does not.
    Odd,
    /// One request to it can cost all that there is.
    Dear,
}

impl Model {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Odd => "gpt-oss-120b",
            Self::Dear => "glm-5.2",
        }
    }

    /// Pico-dollars a token, of input and of output.
    pub const fn rates(self) -> (i64, i64) {
        match self {
            Self::Odd => (7, 600_000),
            Self::Dear => (1_100_000, 3_500_000),
        }
    }

    pub const fn max_tokens(self) -> i64 {
        match self {
            Self::Odd => 131_072,
            Self::Dear => 1_048_576,
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub enum RefundAmount {
    Cents(i64),
    /// So many cents more than there can be given back.
    AboveMost(i64),
}

pub fn acts() -> impl Strategy<Value = Vec<Act>> {
    let seconds = prop_oneof![
        3 => Just(1_i64),
        3 => Just(9 * MINUTE),
        3 => Just(10 * MINUTE),
        2 => Just(HOUR),
        1 => Just(30 * HOUR),
        1 => Just(30 * DAY),
        1 => Just(91 * DAY),
    ];
    let cents = prop_oneof![
        (1_i64..600).prop_map(RefundAmount::Cents),
        (-1_i64..2).prop_map(RefundAmount::AboveMost),
    ];
    let act = prop_oneof![
        2 => top_up(),
        3 => grant().prop_map(Act::Grant),
        4 => proptest::collection::vec(request(), 1..4).prop_map(Act::Use),
        6 => open().prop_map(Act::Open),
        5 => (0..LAST_HOLDS, used()).prop_map(|(hold, used)| Act::Capture { hold, used }),
        2 => (0..LAST_HOLDS).prop_map(|hold| Act::Release { hold }),
        2 => (0..LAST_HOLDS).prop_map(|hold| Act::Heartbeat { hold }),
        3 => (0_usize..4, cents).prop_map(|(which, amount)| Act::Refund { which, amount }),
        4 => seconds.prop_map(|seconds| Act::Wait { seconds }),
        1 => Just(Act::ExpireCredit),
        1 => Just(Act::ExpireHolds),
    ];
    // Without credit there is little to refuse for a reason of its own.
    let first = prop_oneof![4 => top_up(), 1 => grant().prop_map(Act::Grant)];
    let acts = (first, proptest::collection::vec(act, 4..24));
    acts.prop_map(|(first, others)| same_again([vec![first], others].concat()))
}

fn top_up() -> impl Strategy<Value = Act> {
    (500_i64..1_000).prop_map(|cents| Act::TopUp { cents })
}

/// Few values, so that a key is often met by the same grant again.
fn grant() -> impl Strategy<Value = GrantAct> {
    let nanos = prop_oneof![Just(1_999_i64), Just(50_000_001), Just(2_500_000_000)];
    let hours = prop_oneof![Just(None), Just(Some(0)), Just(Some(1)), Just(Some(30))];
    (0_u8..4, nanos, hours, -1_i64..2).prop_map(|(key, nanos, hours, priority)| GrantAct {
        key,
        nanos,
        hours,
        priority,
    })
}

fn request() -> impl Strategy<Value = Request> {
    let output = prop_oneof![3 => 0_i64..3_000, 1 => 0_i64..6_000_000];
    (0_u8..20, 0_i64..3_000, output).prop_map(|(id, input, output)| Request { id, input, output })
}

fn open() -> impl Strategy<Value = OpenAct> {
    let id = prop_oneof![Just(None), (0_u8..3).prop_map(Some)];
    let model = prop_oneof![Just(Model::Odd), Just(Model::Dear)];
    let most = prop_oneof![Just(1_i64), Just(1_000), Just(131_072), Just(900_000)];
    (id, model, tokens(), most).prop_map(|(id, model, input, most)| OpenAct {
        id,
        model,
        input,
        most,
    })
}

fn used() -> impl Strategy<Value = Used> {
    let status = prop_oneof![4 => Just(200_i64), 1 => Just(502)];
    (tokens(), tokens(), status).prop_map(|(input, output, status)| Used {
        input,
        output,
        status,
    })
}

fn tokens() -> impl Strategy<Value = i64> {
    prop_oneof![
        2 => Just(0_i64),
        2 => Just(1),
        2 => Just(1_000),
        3 => 0_i64..300_000,
        1 => 0_i64..3_000_000,
    ]
}

/// Among several requests that are told in one call, a number stands for the request that it stood
/// for first: with another one the call would be refused as a whole, and one by one it would not.
fn same_again(acts: Vec<Act>) -> Vec<Act> {
    let mut known: BTreeMap<u8, Request> = BTreeMap::new();
    let mut acts = acts;
    for act in &mut acts {
        if let Act::Use(requests) = act {
            let is_alone = requests.len() == 1;
            for request in requests {
                let first = *known.entry(request.id).or_insert(*request);
                if !is_alone {
                    *request = first;
                }
            }
        }
    }
    acts
}
