//! The words that a command is described with, and their names in Redis's replies: flags, categories, groups.

/// A set of named bits; `|` at compile time is `with`.
macro_rules! bits {
    ($(#[$doc:meta])* $name:ident($repr:ty) { $($(#[$item_doc:meta])* $bit:ident = $at:literal, $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name($repr);

        impl $name {
            /// Nothing of all this.
            pub const NONE: Self = Self(0);
            $($(#[$item_doc])* pub const $bit: Self = Self(1 << $at);)*

            /// Both.
            #[must_use]
            pub const fn with(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// Whether all of `other` is in here.
            #[must_use]
            #[inline]
            pub const fn has(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// The names, in the order of Redis's replies.
            pub fn names(self) -> impl Iterator<Item = &'static str> {
                const ALL: &[(&str, $name)] = &[$(($text, $name::$bit)),*];
                ALL.iter().filter(move |(_, bit)| self.has(*bit)).map(|(name, _)| *name)
            }
        }
    };
}

bits! {
    /// What a command may do, and when.
    Flags(u32) {
        /// May change data.
        WRITE = 0, "write";
        /// Reads data and changes nothing.
        READONLY = 1, "readonly";
        /// Refused when memory is short.
        DENYOOM = 2, "denyoom";
        /// For administrators.
        ADMIN = 3, "admin";
        /// About publishing and subscribing.
        PUBSUB = 16, "pubsub";
        /// Not for scripts.
        NOSCRIPT = 4, "noscript";
        /// May block its client.
        BLOCKING = 5, "blocking";
        /// Works while the data is being loaded.
        LOADING = 6, "loading";
        /// Works on a replica whose data is stale.
        STALE = 7, "stale";
        /// Not shown to MONITOR.
        SKIP_MONITOR = 8, "skip_monitor";
        /// Not entered into the slow log.
        SKIP_SLOWLOG = 9, "skip_slowlog";
        /// Cheap: constant or logarithmic time.
        FAST = 10, "fast";
        /// Works before authentication.
        NO_AUTH = 11, "no_auth";
        /// Its keys may be absent.
        NO_MANDATORY_KEYS = 12, "no_mandatory_keys";
        /// Not while a replica loads its data beside the old.
        NO_ASYNC_LOADING = 13, "no_async_loading";
        /// Not inside MULTI.
        NO_MULTI = 14, "no_multi";
        /// Works while a script is busy.
        ALLOW_BUSY = 15, "allow_busy";
    }
}

bits! {
    /// What a command does to a key.
    KeyFlags(u16) {
        /// Reads its value.
        RO = 0, "RO";
        /// Reads and changes it.
        RW = 1, "RW";
        /// Overwrites it.
        OW = 2, "OW";
        /// Removes it.
        RM = 3, "RM";
        /// Returns, copies or uses what it holds.
        ACCESS = 4, "access";
        /// Changes what it holds.
        UPDATE = 5, "update";
        /// Adds to it, and changes nothing that is there.
        INSERT = 6, "insert";
        /// Removes from it, or removes it.
        DELETE = 7, "delete";
        /// The other flags depend on the arguments.
        VARIABLE_FLAGS = 8, "variable_flags";
    }
}

impl KeyFlags {
    /// Whether the command may have to read what the key holds, to show it or to change a part.
    #[must_use]
    pub fn may_read(self) -> bool {
        self.has(Self::ACCESS) || self.has(Self::RW)
    }

    /// Whether the command may change or remove what the key holds.
    #[must_use]
    pub fn may_change(self) -> bool {
        self.has(Self::RW) || self.has(Self::OW) || self.has(Self::RM)
    }
}

/// An enumeration of words.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$item_doc:meta])* $item:ident = $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$item_doc])* $item,)*
        }

        impl $name {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$item),*];

            /// Its word in Redis's replies.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$item => $text,)* }
            }
        }
    };
}

words! {
    /// A category of access control.
    Category {
        /// Keys whatever they hold.
        Keyspace = "keyspace";
        /// Reads values.
        Read = "read";
        /// Changes values.
        Write = "write";
        /// Strings.
        String = "string";
        /// Hashes.
        Hash = "hash";
        /// Sets.
        Set = "set";
        /// Lists.
        List = "list";
        /// Sorted sets.
        SortedSet = "sortedset";
        /// Administration.
        Admin = "admin";
        /// Cheap.
        Fast = "fast";
        /// Not cheap.
        Slow = "slow";
        /// May block its client.
        Blocking = "blocking";
        /// Wants a second thought.
        Dangerous = "dangerous";
        /// The connection itself.
        Connection = "connection";
        /// MULTI and what belongs to it.
        Transaction = "transaction";
        /// Publishing and subscribing.
        PubSub = "pubsub";
        /// Bits of strings.
        Bitmap = "bitmap";
        /// Vectors.
        Vector = "vector";
    }
}

words! {
    /// A family of commands in the documentation.
    Group {
        /// Keys whatever they hold.
        Generic = "generic";
        /// Strings.
        String = "string";
        /// Bits of strings.
        Bitmap = "bitmap";
        /// Hashes.
        Hash = "hash";
        /// Sets.
        Set = "set";
        /// Lists.
        List = "list";
        /// Sorted sets.
        SortedSet = "sorted-set";
        /// The connection.
        Connection = "connection";
        /// The server.
        Server = "server";
        /// Publishing and subscribing.
        PubSub = "pubsub";
        /// Transactions.
        Transactions = "transactions";
        /// What only skeg has.
        Skeg = "skeg";
    }
}

impl Flags {
    /// Reads, cheaply.
    pub const READ_FAST: Self = Self::READONLY.with(Self::FAST);
    /// Changes data without growing it, cheaply.
    pub const WRITE_FAST: Self = Self::WRITE.with(Self::FAST);
    /// May grow the data.
    pub const GROW: Self = Self::WRITE.with(Self::DENYOOM);
    /// May grow the data, cheaply.
    pub const GROW_FAST: Self = Self::GROW.with(Self::FAST);
    /// About the server or the connection: works while data is loaded or stale.
    pub const SERVICE: Self = Self::NOSCRIPT.with(Self::LOADING).with(Self::STALE);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_bits_come_in_the_order_of_redis() {
        let flags = Flags::FAST.with(Flags::READONLY);
        assert_eq!(flags.names().collect::<Vec<_>>(), ["readonly", "fast"]);
        assert!(flags.has(Flags::FAST) && !flags.has(Flags::WRITE));
    }
}
