//! The parts that pages are made of. They take data, never resources, and ask no server.

pub mod balance_line;
pub mod brand_mark;
pub mod card_form;
pub mod count;
pub mod day;
pub mod dialog;
pub mod field;
pub mod history_table;
pub mod icon;
pub mod load;
pub mod money;
pub mod notice;
pub mod page_header;
pub mod price_table;
pub mod problem;
pub mod timestamp;
