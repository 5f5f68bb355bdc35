// Package peoplefile reads the lists in which offices keep people: bytes in,
// records out. It opens no file, keeps nothing, and decides nothing about anybody.
//
// A list is a CSV file as spreadsheets under a French or an English Windows write
// it: in UTF-8, UTF-16 or Windows-1252, separated by semicolons, commas or tabs.
// Its first line names the columns, in any order, in French or in English; see
// [Column]. Each further line is one person.
//
//	identifiant;nom;prénom;courriel;établissement;fonctions;groupes;fin
//	jdupont;Dupont;Jeanne;jd@ac-exemple.fr;0441550W;DIR;enseignants|3eB;31/07/2027
//
// A list need not have all columns: what a list does not say of anybody is
// another matter than an empty cell, which says that there is nothing. Record.Has
// tells the one from the other.
//
// [Read] gives the people of a list one at a time, so that a list of 100,000
// takes no more memory than a small one: only the identifiers are kept, to find
// those that come twice. All or nothing is for the caller to decide.
//
// # Formulas
//
// A cell that begins with =, +, - or @ is refused, and so is such a value of a
// list within a cell: a spreadsheet in which an export is opened one day would
// take it for a formula (OWASP, CSV injection). No name, address or group of
// people begins so.
package peoplefile

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/sesame-gateway/sesame/authcore/fredu"
	"github.com/sesame-gateway/sesame/authcore/internal/textfile"
)

// The bounds of a list. One that exceeds them is refused as a whole.
const (
	MaxBytes   = 32 << 20 // bytes: 100,000 people take 10 to 20 MiB
	MaxRecords = 100_000  // people
	maxLine    = 16 << 10 // bytes of a line
)

// Record is one person of a list.
type Record struct {
	// Line is where the person stands, from 1.
	Line int
	// Columns are those that the list has.
	Columns Columns
	// Identifier is not empty, and unique in the list, upper and lower case being
	// one. It is as the list has it.
	Identifier string
	// What the list says of the person, "" or nil where it says nothing. What is
	// in a list of values comes once.
	GivenName, Surname, Email, Establishment string
	Functions, Groups                        []string
	// End is when the account ends; zero for never.
	End time.Time
	// Attributes are those that the list has columns for.
	Attributes fredu.Set
}

// Has reports whether the list has a column.
func (r Record) Has(c Column) bool { return r.Columns&(1<<c) != 0 }

// Problem is why one person of a list is refused. Reading goes on behind it.
type Problem struct {
	Line       int    // as in Record
	Identifier string // "" where it could not be read
	Err        error  // a sentence that says what is wrong
}

// Error gives the line, the identifier if it is known, and the sentence.
func (p *Problem) Error() string {
	if p.Identifier == "" {
		return fmt.Sprintf("line %d: %v", p.Line, p.Err)
	}
	return fmt.Sprintf("line %d, %s: %v", p.Line, p.Identifier, p.Err)
}

// Unwrap gives the sentence.
func (p *Problem) Unwrap() error { return p.Err }

// Reasons to refuse a whole list that a caller may want to tell apart.
var (
	// ErrEmpty: there is nobody in the list, not even on a wrong line.
	ErrEmpty = errors.New("there is nobody in the file: its first line names the columns, and each further line is a person")
	// ErrTooLarge: more bytes or people than MaxBytes or MaxRecords.
	ErrTooLarge = fmt.Errorf("the file is too large: at most %d MiB and %d people are read at once", MaxBytes>>20, MaxRecords)
)

// Read gives the people of a list in their order; days end in zone (see
// ParseEnd). Each round has a record and a nil error, or an error: a *Problem
// refuses one line and reading goes on; any other error refuses the list and is
// the last. What was read of a refused list must not be used.
//
// r is read once, so the sequence can be run once.
func Read(r io.Reader, zone *time.Location) iter.Seq2[Record, error] {
	return readWithin(r, zone, MaxBytes, MaxRecords)
}

func readWithin(r io.Reader, zone *time.Location, maxBytes int64, maxRecords int) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		l := &list{zone: zone, first: map[string]int{}, left: maxRecords, yield: yield}
		if err := l.read(r, maxBytes); err != nil && !errors.Is(err, errStopped) {
			yield(Record{}, err)
		}
	}
}

// errStopped carries the caller's wish to hear no more through the reader.
var errStopped = errors.New("peoplefile: the caller stopped reading")

// list is a list being read.
type list struct {
	zone      *time.Location
	separator textfile.Separator
	columns   []Column       // in the order of the list; nil before the first line
	first     map[string]int // line of each identifier, in lower case
	left      int            // records and problems that may still come
	yield     func(Record, error) bool
}

func (l *list) read(r io.Reader, maxBytes int64) error {
	in, err := textfile.Open(r, maxBytes, ErrTooLarge)
	if err != nil {
		return err
	}
	left := l.left
	src := textfile.Lines{In: in, Max: maxLine}
	for {
		line, err := src.Next()
		switch {
		case err == io.EOF && l.left == left:
			return ErrEmpty
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case strings.Trim(line, " \t;,") == "": // what spreadsheets write below a table
			continue
		case l.columns == nil:
			l.separator = textfile.SeparatorOf(line)
			if l.columns, err = readHeading(l.separator, line); err != nil {
				return fmt.Errorf("line %d: %w", src.Number, err)
			}
			continue
		}
		if err := l.hand(l.person(line, src.Number)); err != nil {
			return err
		}
	}
}

// hand gives the caller a person, or why a line is refused.
func (l *list) hand(rec Record, err error) error {
	if l.left--; l.left < 0 {
		return ErrTooLarge
	}
	if err != nil {
		rec, err = Record{}, &Problem{Line: rec.Line, Identifier: rec.Identifier, Err: err}
	}
	if !l.yield(rec, err) {
		return errStopped
	}
	return nil
}

// person reads a line. Where it fails, the record says as much as is known.
func (l *list) person(line string, number int) (Record, error) {
	rec := Record{Line: number}
	fields, err := l.separator.Split(line)
	if err != nil {
		return rec, err
	}
	if len(fields) > len(l.columns) {
		return rec, fmt.Errorf("the line has %d fields, and the first line names %d columns", len(fields), len(l.columns))
	}
	var errs []error
	for i, c := range l.columns {
		rec.Columns |= 1 << c
		if i < len(fields) { // spreadsheets leave out empty cells at the end
			if err := rec.set(c, norm.NFC.String(fields[i]), l.zone); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", c, err))
			}
		}
	}
	if rec.Identifier == "" {
		return rec, join(append(errs, errors.New("the identifier is missing")))
	}
	name := strings.ToLower(rec.Identifier)
	if line, twice := l.first[name]; twice {
		return rec, fmt.Errorf("this identifier is in the file twice: line %d has it first", line)
	}
	l.first[name] = number
	return rec, join(errs)
}

// join makes one sentence of several.
func join(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	texts := make([]string, 0, len(errs))
	for _, err := range errs {
		texts = append(texts, err.Error())
	}
	return errors.New(strings.Join(texts, "; "))
}
