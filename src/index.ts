/**
 * skeg: a durable key-value and vector store for Node.
 *
 * @packageDocumentation
 */
export type {
  BitField,
  BitFieldEncoding,
  BitFieldGet,
  BitFieldIncrBy,
  BitFieldOperation,
  BitFieldOverflow,
  BitFieldSet,
  Entries,
  Fields,
  WeightedKey,
  WeightedKeys,
} from './arguments.ts'
export type { Backup, BackupOptions } from './backup.ts'
export { Batch, type WriteOptions } from './batch.ts'
export type { Bytes, Vector, VectorId } from './bytes.ts'
export type { ChangeOptions } from './changes.ts'
export type {
  AggregateOptions,
  BitCountOptions,
  CopyOptions,
  CountOptions,
  GetExOptions,
  LcsOptions,
  Limit,
  LimitedOptions,
  LimitOptions,
  LPosOptions,
  RestoreOptions,
  SamplesOptions,
  SortOptions,
  StepOptions,
  WaitCountOptions,
  WaitOptions,
  ZAddOptions,
  ZRangeOptions,
} from './command-options.ts'
export { Database, type Pressure } from './database.ts'
export { SkegError, type ErrorCode } from './errors.ts'
export type { DatabaseEvents } from './events.ts'
export type { ChangeCommands, Commands, TransactionCommands } from './generated/commands.ts'
export { executablePath } from './load-binding.ts'
export { open } from './open.ts'
export type { Durability, Eviction, MemoryOptions, OpenOptions, SnapshotEvery } from './options.ts'
export type {
  Entry,
  HashStep,
  LcsMatches,
  PoppedElement,
  PoppedMember,
  PoppedMembers,
  Ranked,
  Scored,
  SetStep,
  SortedSetStep,
} from './replies.ts'
export type { CallArguments, CommandArgument, CommandOptions, Reply } from './reply.ts'
export type { KeyType, ScanOptions } from './scan.ts'
export { serve, type StandaloneServer } from './serve.ts'
export type { ServeOptions } from './serve-options.ts'
export { Server, type ListenOptions } from './server.ts'
export type { SetOptions } from './set-options.ts'
export type { Stats } from './stats.ts'
export {
  Subscription,
  type Channels,
  type Message,
  type Patterns,
  type SubscribeOptions,
} from './subscription.ts'
export type { Change } from './update.ts'
export { Transaction, type TransactionIndex } from './transaction.ts'
export { ValueStream, type GetStreamOptions } from './value-stream.ts'
export type { SetStreamOptions, ValueSource } from './value-writer.ts'
export {
  VectorIndex,
  type Backend,
  type ConsolidateOptions,
  type ConsolidateProgress,
  type Hit,
  type IndexInfo,
  type IndexOptions,
  type ManyHits,
  type Metric,
  type SearchOptions,
  type Tier,
  type VectorWriteOptions,
} from './vector-index.ts'

declare const SKEG_VERSION: string

/** The version of this package. */
export const version: string = SKEG_VERSION
