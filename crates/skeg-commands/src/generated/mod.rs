//! What `npm run generate` writes.

pub(crate) mod table;
