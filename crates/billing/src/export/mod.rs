//! The books in forms that others read.

pub(crate) mod beancount;
