mod balance;
mod docs;
mod events;
mod keys;
mod openapi;
mod transactions;
