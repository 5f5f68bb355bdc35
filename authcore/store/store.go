// Package store is the contract between the gate and whatever keeps its
// records, and the engine that keeps them in memory.
//
// A [Store] is an ordered map from keys to values, changed by transactions.
// A transaction is a function handed to View or Update; the engine begins,
// commits, drops and repeats it. The package knows nothing of what a record
// means.
//
// # What a caller may rely on
//
// Transactions are serializable: the result is that of some order in which
// they ran one after the other, and an order in which a transaction that
// returned before another was called comes first. Lost updates and write skew
// cannot happen. A check and the write it allows must therefore stand in one
// Update; a check in a View followed by an Update is a race.
//
// Update is atomic: all its writes take effect or none. When it returns nil
// they are durable, as far as the engine keeps anything at all, and every
// transaction begun afterwards sees them. When it returns an error that wraps
// [ErrFailed] the outcome is unknown: the writes may be there or not, now or
// after a restart. Any other error means that nothing was written.
//
// The function given to Update may run several times. Only its last run
// counts, and each run sees the store afresh: it must have no effect but its
// writes, and must set again whatever it hands to its surroundings.
//
// Within one run all reads see one snapshot of the store, plus the writes of
// that run. No transaction waits while the function of another one runs, so a
// slow one delays nobody, though it is likely to be run again.
//
// An error returned by the function is returned as it is, not wrapped, and
// the transaction is dropped. A panic, or runtime.Goexit, drops the
// transaction and goes on. The Reader or Writer belongs to the goroutine that
// runs the function and ends with it: later use returns [ErrClosed].
//
// An operation that fails dooms its transaction: View or Update returns that
// error even when the function swallowed it, and nothing is written. This does
// not hold for [ErrNotFound], which is an answer.
//
// The context is looked at before each run, before each step of a Scan and
// before the commit. When it is over, its error is returned and nothing is
// written. A commit that has begun is not interrupted.
//
// Keys are compared as bytes. Any bytes will do, but engines may put keys into
// their logs and errors, so nothing secret belongs into a key. Values belong
// to whoever has them: the engine copies what it is given and what it returns.
// An empty value can be stored and is read as an empty slice; nil and empty
// are the same.
//
// # Limits
//
// A key has 1 to [MaxKey] bytes, a value at most [MaxValue]. One Update
// touches at most [MaxTouched] different keys, whether it reads, writes or
// deletes them, and writes at most [MaxWritten] bytes. Every engine refuses
// what goes beyond with [ErrTooLarge], so that what works in one works in all.
// There is no Scan inside an Update, since some engines cannot tell cheaply
// that a range has changed.
//
// # Following
//
// Whoever keeps what it has read follows the store to hear when it is no longer
// so. By the time Update returns, its followers have been told what it may have
// written, whatever it returns; and when a follower is told, every transaction
// begun afterwards sees the change. Where several processes share a store, each
// hears of what the others write as soon as it can, and is told when it cannot;
// Close tells so too, since nothing is known of a store from then on.
// That an entry was removed because it had expired, nobody is told.
//
// # Expiry
//
// The time given to Put is housekeeping: it allows the engine to remove the
// entry after it, nothing more. Until then the entry is there. Afterwards it
// may still be seen or not, by any call, for any time, and it may even come
// back when the clock is set back. So the end of a validity is written in the
// value, and an entry whose absence would allow something (a used code, a
// lock, a revocation) is never given an expiry.
package store

import (
	"context"
	"errors"
	"iter"
	"time"
)

// The limits that every engine enforces.
const (
	// MaxKey is the length of the longest key, in bytes.
	MaxKey = 1 << 10
	// MaxValue is the length of the longest value, in bytes.
	MaxValue = 64 << 10
	// MaxTouched is the number of different keys that one Update may read,
	// write or delete. It is the default limit of an etcd transaction
	// (--max-txn-ops), the narrowest of the engines.
	MaxTouched = 128
	// MaxWritten is the sum of the lengths of the keys and values that one
	// Update may write, in bytes. A key written twice counts once, with its
	// last value; a deleted one counts with its name. Badger takes 1.2 MB with
	// the tables we give it, etcd 1.5 MiB.
	MaxWritten = 1 << 20
)

// What a caller may have to tell apart. Test with [errors.Is].
var (
	// ErrNotFound is what Get returns for a key that is absent.
	ErrNotFound = errors.New("store: there is no such entry")
	// ErrClosed is returned by a store once Close was called, and by a Reader
	// or Writer used after its transaction.
	ErrClosed = errors.New("store: it is closed; open it again to go on")
	// ErrBusy is returned by Update when other transactions got in the way at
	// each of its runs. Nothing was written; the caller may try again later.
	ErrBusy = errors.New("store: too many changes of the same records at once; try again")
	// ErrFailed is returned by Update when it is unknown whether the writes are
	// there: what they were to use up counts as used. An engine that writes to a
	// disk of its own returns it from then on from every Update, as nobody knows
	// what that disk holds after a failed write, and a later success would prove
	// nothing; View goes on. Close the store, mend the cause, open it again. One
	// that asks others to write goes on with the next Update.
	ErrFailed = errors.New("store: a write failed, or was not confirmed")
	// ErrTooLarge is returned for a key, a value or a transaction beyond the
	// limits, the empty key included.
	ErrTooLarge = errors.New("store: beyond the limits of a transaction")
)

// A Store keeps entries. It is safe for use by several goroutines. The package
// documentation says what all engines promise.
type Store interface {
	// View runs fn once, on one consistent snapshot.
	View(ctx context.Context, fn func(Reader) error) error
	// Update runs fn, perhaps several times, and commits what its last run
	// wrote. It returns ErrBusy when conflicts did not settle within the
	// engine's bound of runs, ErrFailed when the outcome is unknown.
	Update(ctx context.Context, fn func(Writer) error) error
	// Follow has changed called with every change from now on, until the store is
	// closed. It is called by several goroutines at once, and by those that wait
	// for an Update: it must be quick, and must not use the store.
	Follow(changed func(Change))
	// Close refuses new transactions with ErrClosed, waits for those that run,
	// and gives back what the engine holds. An engine may give up waiting by a
	// deadline which it documents. A further call waits likewise.
	Close() error
}

// An Entry is a key and its value. Both belong to the caller.
type Entry struct {
	Key   string
	Value []byte
}

// A Reader reads one snapshot.
type Reader interface {
	// Get returns the value of key, or ErrNotFound.
	Get(key string) ([]byte, error)
	// Scan yields the entries whose keys begin with prefix and come after the
	// key after, in the order of the bytes of the keys; the empty prefix is
	// that of all keys, and all come after the empty one. After is any string,
	// not only a key that is there or begins with prefix, so a list is read in
	// pages by handing back the last key of each; what comes before it is not
	// read, and a page far down costs what the first one does. After an error
	// Scan yields nothing more. Scans may be nested and left early.
	Scan(prefix, after string) iter.Seq2[Entry, error]
}

// A Writer reads and changes the store within one Update.
type Writer interface {
	// Get returns the value of key, or ErrNotFound, as the earlier writes of
	// this run left it.
	Get(key string) ([]byte, error)
	// Put sets the value of key. The engine may remove the entry some time
	// after expires; the zero time means never. It replaces value and expiry
	// of an earlier entry.
	Put(key string, value []byte, expires time.Time) error
	// Delete removes key. Deleting what is absent is no error.
	Delete(key string) error
}
