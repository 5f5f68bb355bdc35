// Package keyfile reads the files in which suppliers deliver one-time-code
// keys: bytes in, records out. It opens no file, keeps nothing, and decides
// nothing about people.
//
// [Read] gives the keys of a file one at a time, whatever the format, so that a
// file of 100,000 keys takes no more memory than a small one: only the serial
// numbers are kept, to find the ones that come twice.
//
//	for record, err := range keyfile.Read(file, keyfile.Options{}) {
//		var problem *keyfile.Problem
//		switch {
//		case errors.As(err, &problem): // this line is refused; reading goes on
//		case err != nil:               // the file is refused; this is the last round
//		default:                       // a key
//		}
//	}
//
// All or nothing is for the caller to decide: what it has read of a file must
// wait until the file has ended.
//
// The formats are those of [Format]: CSV in several variants, otpauth URIs, the
// XML of SafeNet, of RSA SecurID (.sdtid), and PSKC (RFC 6030). XML is read
// without document type or entities, bounded in size, depth and width.
//
// # Secrets of a file
//
// A file that is encrypted makes Read ask for the one secret that it needs, once
// and only then, through [Options]. What a MAC in the file does not prove is not
// read: such a file is refused as a whole.
//
// # What is never shown
//
// No error shows a seed, a password or a PIN, nor a field that may hold one
// because the columns are in another order than expected. A [Record] prints
// without its secrets and loses them in JSON: it is not what a key is stored as.
package keyfile

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore/internal/textfile"
	"github.com/sesame-gateway/sesame/authcore/otp"
)

// The bounds of a file. A file that exceeds one is refused as a whole.
const (
	MaxBytes   = 160 << 20 // bytes: 100,000 keys in the wordiest format, encrypted PSKC, take 120 MiB
	MaxRecords = 250_000   // keys
)

// Options says what a file does not say of itself. The zero value recognises
// the format and takes the defaults of that format.
type Options struct {
	// Format is the format to expect; Auto recognises it.
	Format Format
	// Encoding is how the seeds of a text file are written, where that is not
	// what the format prescribes.
	Encoding Encoding

	// Kind, Digits, Period and Hash stand in for what a line leaves out; zero
	// means the default of the format. They never replace what a line says.
	Kind   otp.Kind
	Digits int
	Period time.Duration
	Hash   otp.Hash

	// Serial is the serial number of the one key of a file whose format has
	// none: it stands in for the account of an otpauth URI.
	Serial string

	// Password is asked for the password of a file that is protected by one,
	// and for nothing else; at most once. nil refuses such a file with
	// ErrPasswordWanted. Its error refuses the file as it is.
	Password func() ([]byte, error)
	// PreSharedKey is asked for the AES key, 16, 24 or 32 bytes, of a PSKC file
	// that is encrypted with one, as Password is; its absence is ErrKeyWanted.
	PreSharedKey func() ([]byte, error)
	// IgnorePolicy reads PSKC keys although their policy is not understood or
	// cannot be kept to. RFC 6030 section 5 forbids to use them.
	IgnorePolicy bool
}

// Record is one key of a file.
type Record struct {
	// Line is where the key stands: the line of a text file, the line on which
	// the element of an XML file begins. Lines count from 1.
	Line int
	// Format is the format of the file, never Auto.
	Format Format
	// Serial is the number of the key as the file gives it, without the white
	// space around it; it is unique in the file, upper and lower case being one.
	Serial string
	// Generator is valid. It is not encoded in JSON.
	Generator otp.Generator `json:"-"`
	// Counter is the next counter of an event-based key, 0 for others.
	Counter otp.Step
	// Drift is by how many periods the clock of a time-based key was ahead when
	// the file was made.
	Drift otp.Step
	// Starts and Expires bound the key's use; zero where the file gives no date.
	Starts, Expires time.Time
	// Manufacturer, Model and Holder are what the file says, for people to
	// read: up to 100 characters, no control characters. Holder names who has
	// the key in the words of the supplier; it is no identifier of ours.
	Manufacturer, Model, Holder string
	// PIN is what the file says of the PIN.
	PIN PINPolicy
}

// LogValue gives slog what identifies the record.
func (r Record) LogValue() slog.Value {
	return slog.GroupValue(slog.Int("line", r.Line), slog.String("format", r.Format.String()),
		slog.String("serial", r.Serial), slog.String("kind", r.Generator.Kind.String()))
}

// Problem is why one key of a file is refused. Reading goes on behind it.
type Problem struct {
	Line   int    // as in Record
	Serial string // "" where it could not be read
	Err    error  // a sentence that says what is wrong and what to do; it shows no secret
}

// Error gives the line, the serial if it is known, and the sentence.
func (p *Problem) Error() string {
	if p.Serial == "" {
		return fmt.Sprintf("line %d: %v", p.Line, p.Err)
	}
	return fmt.Sprintf("line %d, key %s: %v", p.Line, p.Serial, p.Err)
}

// Unwrap gives the sentence.
func (p *Problem) Unwrap() error { return p.Err }

// Reasons to refuse a whole file that a caller may want to tell apart.
var (
	// ErrUnrecognised: the format cannot be told from the content.
	ErrUnrecognised = fmt.Errorf("the format of the file is not recognised: give it, one of %s", strings.Join(formatNames[OATH:], ", "))
	// ErrEmpty: there is no key in the file, not even a wrong one.
	ErrEmpty = errors.New("there is no key in the file")
	// ErrPasswordWanted: the file is protected and Options.Password is nil.
	ErrPasswordWanted = errors.New("the file is protected by a password: it is needed to read it")
	// ErrKeyWanted: the file is encrypted and Options.PreSharedKey is nil.
	ErrKeyWanted = errors.New("the file is encrypted with a pre-shared key: it is needed to read it")
	// ErrPassword: what was given opens nothing in the file.
	ErrPassword = errors.New("the password, or the key, is not the one of this file")
	// ErrTooLarge: more bytes or keys than MaxBytes or MaxRecords.
	ErrTooLarge = fmt.Errorf("the file is too large: at most %d MiB and %d keys are read at once; cut it into several files", MaxBytes>>20, MaxRecords)
)

// Read gives the keys of a file in their order. Each round has a record and a
// nil error, or an error: a *Problem refuses one key and reading goes on; any
// other error refuses the file and is the last. What was read of a refused file
// must not be used.
//
// r is read once, so the sequence can be run once.
func Read(r io.Reader, o Options) iter.Seq2[Record, error] {
	return readWithin(r, o, MaxBytes, MaxRecords)
}

func readWithin(r io.Reader, o Options, maxBytes int64, maxRecords int) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		k := &sink{yield: yield, first: map[string]int{}, left: maxRecords}
		if err := read(r, o, maxBytes, k); err != nil && !errors.Is(err, errStopped) {
			yield(Record{}, err)
		}
	}
}

func read(r io.Reader, o Options, maxBytes int64, k *sink) error {
	if err := o.validate(); err != nil {
		return err
	}
	in, err := textfile.Open(r, maxBytes, ErrTooLarge)
	if err != nil {
		return err
	}
	readFormat := readLines
	if isXML(in) || o.Format >= firstXML {
		readFormat = readXML
	}
	if err := readFormat(in, o, k); err != nil {
		return err
	}
	if !k.some {
		return ErrEmpty
	}
	return nil
}

// errAltered refuses a file of which only a part is proved by its MACs.
var errAltered = errors.New("the file is damaged, or was altered after the supplier made it (a MAC in it is wrong): ask for it again")

// errStopped carries the caller's wish to hear no more through the readers.
var errStopped = errors.New("keyfile: the caller stopped reading")

// sink takes what a format's reader finds, checks what all formats have in
// common, and hands it to the caller. Its errors end the reading.
type sink struct {
	yield func(Record, error) bool
	first map[string]int // line of each serial, by what tells serials apart
	left  int            // records and problems that may still come
	some  bool           // one has come
}

// record hands over a key, or what is wrong with it.
func (k *sink) record(rec Record) error {
	if err := rec.Generator.Validate(); err != nil {
		return k.problem(rec.Line, rec.Serial, err)
	}
	name := identity(rec)
	if line, twice := k.first[name]; twice {
		return k.problem(rec.Line, rec.Serial, fmt.Errorf("this serial number is in the file twice: line %d has it first", line))
	}
	k.first[strings.Clone(name)] = rec.Line // the name may be a part of its line, and would keep all of it
	return k.hand(rec, nil)
}

// problem hands over a refusal.
func (k *sink) problem(line int, serial string, err error) error {
	return k.hand(Record{}, &Problem{Line: line, Serial: serial, Err: err})
}

func (k *sink) hand(rec Record, err error) error {
	k.some = true
	if k.left--; k.left < 0 {
		return ErrTooLarge
	}
	if !k.yield(rec, err) {
		return errStopped
	}
	return nil
}

// identity gives what two records of one key have in common. A SecurID serial
// is a number: files write it with its leading zeros or without.
func identity(rec Record) string {
	if rec.Generator.Kind == otp.SecurID {
		return strings.TrimLeft(rec.Serial, "0")
	}
	return strings.ToUpper(rec.Serial)
}
