mod balance;
mod events;
mod keys;
