mod guard;
mod headers;
mod refund;
mod sign_in;
mod site;
mod top_up;
mod unavailable;
