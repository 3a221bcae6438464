//! Owns what is told to the other side: events as records (`events`), their signature
//! (`signature`), the store of deliveries (`deliveries`) and sending them (`worker`). Does not own
//! what happened.
//!
//! An event and its deliveries are written in the transaction of the change they tell of, so
//! neither can exist without the other. Delivery is at least once, in no promised order.

pub(crate) mod deliveries;
pub(crate) mod events;
pub(crate) mod signature;
pub(crate) mod worker;
