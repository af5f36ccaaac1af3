/**
 * The methods of commands: one line each. Names, arguments and replies are those of node-redis; what a
 * command does is said by its specification in Rust, and is not repeated here.
 *
 * `name  WORDS argument:kind argument?:kind -> reply`, with the kinds of `kinds.ts`; arguments that may be left
 * out come last in the method, wherever their words stand. `*` behind the name: also a change of batches and
 * transactions, because whether it fails is known before any of them is made (`docs/decisions/0024`).
 */

export const methods = `
append*                     APPEND key value:bytes -> number
bitCount                    BITCOUNT key part?:bitCount -> number
bitField                    BITFIELD key operations:bitField -> integers?
bitFieldRo                  BITFIELD_RO key fields:bitFieldRo -> integers
bitOp                       BITOP operation:bitOperation destination:key keys -> number
bitPos                      BITPOS key bit:bit start?:integer end?:integer unit?:bitUnit -> number
blMove                      BLMOVE source:key destination:key sourceSide:side destinationSide:side timeout:float options?:wait -> value?
blmPop                      BLMPOP timeout:float keys:counted side:side options?:waitCount -> popped
blPop                       BLPOP keys timeout:float options?:wait -> poppedElement
brPop                       BRPOP keys timeout:float options?:wait -> poppedElement
brPopLPush                  BRPOPLPUSH source:key destination:key timeout:float options?:wait -> value?
bzmPop                      BZMPOP timeout:float keys:counted side:extreme options?:waitCount -> poppedMembers
bzPopMax                    BZPOPMAX keys timeout:float options?:wait -> poppedMember
bzPopMin                    BZPOPMIN keys timeout:float options?:wait -> poppedMember
copy                        COPY source:key destination:key options?:copy -> number
decr*                       DECR key -> number
decrBy*                     DECRBY key decrement:increment -> number
dump                        DUMP key -> dump
expire*                     EXPIRE key seconds:integer mode?:expiry -> number
expireAt*                   EXPIREAT key timestamp:seconds mode?:expiry -> number
expireTime                  EXPIRETIME key -> number
getBit                      GETBIT key offset:natural -> number
getDel                      GETDEL key -> value?
getEx                       GETEX key options:getEx -> value?
getRange                    GETRANGE key start:integer end:integer -> value
getSet                      GETSET key value:bytes -> value?
hDel*                       HDEL key fields:list -> number
hExists                     HEXISTS key field:bytes -> number
hGet                        HGET key field:bytes -> value?
hGetAll                     HGETALL key -> map
hIncrBy*                    HINCRBY key field:bytes increment:increment -> number
hIncrByFloat*               HINCRBYFLOAT key field:bytes increment:float -> string
hKeys                       HKEYS key -> values
hLen                        HLEN key -> number
hmGet                       HMGET key fields:list -> values?
hRandField                  HRANDFIELD key -> value?
hRandFieldCount             HRANDFIELD key count:integer -> values
hRandFieldCountWithValues   HRANDFIELD key count:integer WITHVALUES -> entries
hScan                       HSCAN key cursor:bytes options?:scan -> hashScan
hSet*                       HSET key fields:fields -> number
hSetNX*                     HSETNX key field:bytes value:bytes -> number
hStrLen                     HSTRLEN key field:bytes -> number
hVals                       HVALS key -> values
incr*                       INCR key -> number
incrBy*                     INCRBY key increment:increment -> number
incrByFloat*                INCRBYFLOAT key increment:float -> string
keys                        KEYS pattern:bytes -> values
lcs                         LCS key1:key key2:key -> value
lcsIdx                      LCS key1:key key2:key IDX options?:lcs -> lcs
lcsIdxWithMatchLen          LCS key1:key key2:key IDX options?:lcs WITHMATCHLEN -> lcsLengths
lcsLen                      LCS key1:key key2:key LEN -> number
lIndex                      LINDEX key index:integer -> value?
lInsert*                    LINSERT key position:position pivot:bytes element:bytes -> number
lLen                        LLEN key -> number
lMove                       LMOVE source:key destination:key sourceSide:side destinationSide:side -> value?
lmPop                       LMPOP keys:counted side:side options?:count -> popped
lPop*                       LPOP key -> value?
lPopCount*                  LPOP key count:natural -> valuesOrNull
lPos                        LPOS key element:bytes options?:lPos -> number?
lPosCount                   LPOS key element:bytes options?:lPos COUNT count:integer -> numbers
lPush*                      LPUSH key elements:list -> number
lPushX*                     LPUSHX key elements:list -> number
lRange                      LRANGE key start:integer stop:integer -> values
lRem*                       LREM key count:integer element:bytes -> number
lSet*                       LSET key index:integer element:bytes -> ok
lTrim*                      LTRIM key start:integer stop:integer -> ok
mGet                        MGET keys -> values?
mSet*                       MSET entries:entries -> ok
mSetNX                      MSETNX entries:entries -> number
objectEncoding              OBJECT ENCODING key -> string?
objectFreq                  OBJECT FREQ key -> number?
objectIdleTime              OBJECT IDLETIME key -> number?
objectRefCount              OBJECT REFCOUNT key -> number?
persist*                    PERSIST key -> number
pExpire*                    PEXPIRE key ms:integer mode?:expiry -> number
pExpireAt*                  PEXPIREAT key msTimestamp:milliseconds mode?:expiry -> number
pExpireTime                 PEXPIRETIME key -> number
pSetEx*                     PSETEX key ms:integer value:bytes -> ok
pTTL                        PTTL key -> number
randomKey                   RANDOMKEY -> value?
rename                      RENAME key newKey:key -> ok
renameNX                    RENAMENX key newKey:key -> number
restore                     RESTORE key ttl:integer serializedValue:bytes options?:restore -> ok
rPop*                       RPOP key -> value?
rPopCount*                  RPOP key count:natural -> valuesOrNull
rPopLPush                   RPOPLPUSH source:key destination:key -> value?
rPush*                      RPUSH key elements:list -> number
rPushX*                     RPUSHX key elements:list -> number
sAdd*                       SADD key members:list -> number
sCard                       SCARD key -> number
sDiff                       SDIFF keys -> values
sDiffStore                  SDIFFSTORE destination:key keys -> number
setBit                      SETBIT key offset:natural bit:bit -> number
setEx*                      SETEX key seconds:integer value:bytes -> ok
setNX*                      SETNX key value:bytes -> number
setRange*                   SETRANGE key offset:integer value:bytes -> number
sInter                      SINTER keys -> values
sInterCard                  SINTERCARD keys:counted options?:limit -> number
sInterStore                 SINTERSTORE destination:key keys -> number
sIsMember                   SISMEMBER key member:bytes -> number
sMembers                    SMEMBERS key -> values
smIsMember                  SMISMEMBER key members:list -> numbers
sMove*                      SMOVE source:key destination:key member:bytes -> number
sort                        SORT key options?:sort -> values?
sortRo                      SORT_RO key options?:sort -> values?
sortStore                   SORT source:key options?:sort STORE destination:key -> number
sPop                        SPOP key -> value?
sPopCount                   SPOP key count:natural -> values
sRandMember                 SRANDMEMBER key -> value?
sRandMemberCount            SRANDMEMBER key count:integer -> values
sRem*                       SREM key members:list -> number
sScan                       SSCAN key cursor:bytes options?:scan -> setScan
strLen                      STRLEN key -> number
sUnion                      SUNION keys -> values
sUnionStore                 SUNIONSTORE destination:key keys -> number
touch                       TOUCH keys -> number
ttl                         TTL key -> number
type                        TYPE key -> string
unlink*                     UNLINK keys -> number
zAdd*                       ZADD key options?:zAdd members:members -> number
zAddIncr                    ZADD key options?:zAdd INCR members:members -> number?
zCard                       ZCARD key -> number
zCount                      ZCOUNT key min:bound max:bound -> number
zDiff                       ZDIFF keys:counted -> values
zDiffStore                  ZDIFFSTORE destination:key keys:counted -> number
zDiffWithScores             ZDIFF keys:counted WITHSCORES -> scored
zIncrBy*                    ZINCRBY key increment:float member:bytes -> number
zInter                      ZINTER keys:weighted options?:aggregate -> values
zInterCard                  ZINTERCARD keys:counted options?:limit -> number
zInterStore                 ZINTERSTORE destination:key keys:weighted options?:aggregate -> number
zInterWithScores            ZINTER keys:weighted options?:aggregate WITHSCORES -> scored
zLexCount                   ZLEXCOUNT key min:bytes max:bytes -> number
zmPop                       ZMPOP keys:counted side:extreme options?:count -> poppedMembers
zmScore                     ZMSCORE key members:list -> numbers?
zPopMax*                    ZPOPMAX key -> member
zPopMaxCount*               ZPOPMAX key count:natural -> scored
zPopMin*                    ZPOPMIN key -> member
zPopMinCount*               ZPOPMIN key count:natural -> scored
zRandMember                 ZRANDMEMBER key -> value?
zRandMemberCount            ZRANDMEMBER key count:integer -> values
zRandMemberCountWithScores  ZRANDMEMBER key count:integer WITHSCORES -> scored
zRange                      ZRANGE key min:bound max:bound options?:zRange -> values
zRangeByLex                 ZRANGEBYLEX key min:bytes max:bytes options?:limited -> values
zRangeByScore               ZRANGEBYSCORE key min:bound max:bound options?:limited -> values
zRangeByScoreWithScores     ZRANGEBYSCORE key min:bound max:bound options?:limited WITHSCORES -> scored
zRangeStore                 ZRANGESTORE destination:key source:key min:bound max:bound options?:zRange -> number
zRangeWithScores            ZRANGE key min:bound max:bound options?:zRange WITHSCORES -> scored
zRank                       ZRANK key member:bytes -> number?
zRankWithScore              ZRANK key member:bytes WITHSCORE -> rank
zRem*                       ZREM key members:list -> number
zRemRangeByLex*             ZREMRANGEBYLEX key min:lexBound max:lexBound -> number
zRemRangeByRank*            ZREMRANGEBYRANK key start:integer stop:integer -> number
zRemRangeByScore*           ZREMRANGEBYSCORE key min:scoreBound max:scoreBound -> number
zRevRank                    ZREVRANK key member:bytes -> number?
zScan                       ZSCAN key cursor:bytes options?:scan -> sortedSetScan
zScore                      ZSCORE key member:bytes -> number?
zUnion                      ZUNION keys:weighted options?:aggregate -> values
zUnionStore                 ZUNIONSTORE destination:key keys:weighted options?:aggregate -> number
zUnionWithScores            ZUNION keys:weighted options?:aggregate WITHSCORES -> scored
configGet                   CONFIG GET parameters:list -> strings
dbSize                      DBSIZE -> number
echo                        ECHO message:bytes -> value
flushAll                    FLUSHALL mode?:flush -> ok
flushDb                     FLUSHDB mode?:flush -> ok
info                        INFO section?:bytes -> string
lastSave                    LASTSAVE -> number
memoryUsage                 MEMORY USAGE key options?:samples -> number?
ping                        PING message?:bytes -> value
pubSubChannels              PUBSUB CHANNELS pattern?:bytes -> values
pubSubNumPat                PUBSUB NUMPAT -> number
pubSubNumSub                PUBSUB NUMSUB channels?:list -> counts
pubSubShardChannels         PUBSUB SHARDCHANNELS pattern?:bytes -> values
pubSubShardNumSub           PUBSUB SHARDNUMSUB channels?:list -> counts
sPublish                    SPUBLISH channel:bytes message:bytes -> number
time                        TIME -> texts
`

/** Commands without a method, by the reason. The name of a container stands for its subcommands, too. */
export const withoutMethod: Record<string, readonly string[]> = {
  'of a connection, of which there is none': [
    ...['client', 'hello', 'quit', 'reset', 'select', 'auth', 'monitor'],
    ...['multi', 'exec', 'discard', 'watch', 'unwatch', 'wait', 'waitaof'],
    ...['subscribe', 'psubscribe', 'ssubscribe', 'unsubscribe', 'punsubscribe', 'sunsubscribe'],
  ],
  "skeg has a method of its own, of node-redis's name": [
    ...['del', 'exists', 'get', 'set', 'scan', 'publish'],
  ],
  'for whoever runs a server: use `call`': [
    ...['bgrewriteaof', 'bgsave', 'save', 'command', 'config', 'debug', 'function', 'latency'],
    ...['lolwut', 'memory', 'role', 'shutdown', 'slowlog'],
  ],
  'about other databases than the first: use `call`': ['move', 'swapdb'],
  'superseded in Redis, without a method in node-redis': [
    ...['hmset', 'substr', 'zrevrange', 'zrevrangebylex', 'zrevrangebyscore'],
  ],
  'what it helps with is documented elsewhere': ['object|help', 'pubsub|help', 'object', 'pubsub'],
}
