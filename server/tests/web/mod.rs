mod guard;
mod headers;
mod sign_in;
mod site;
mod top_up;
mod unavailable;
