//! Exact money. Nothing here rounds except the functions that write an amount for a person.
//!
//! | type | unit | held as | where |
//! | --- | --- | --- | --- |
//! | [`Money`] | 10⁻⁹ dollar | `i64` | the ledger |
//! | [`Cost`] | 10⁻¹² dollar | `i64` | one usage event, sums of them |
//! | [`Cents`] | 10⁻² dollar | `i64` | what a card is charged |
//! | [`Dollars`] | dollar | exact decimal | what people and machines read |

mod amounts;
mod display;

pub use amounts::{Cents, Cost, Money, MoneyError, ParseCentsError};
pub use display::Dollars;
