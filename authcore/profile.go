package authcore

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore/fredu"
	"github.com/sesame-gateway/sesame/authcore/store"
)

// AccountField is something that an office says of a person, and that may be
// changed from outside. The zero value is invalid. What the gate itself keeps of
// an account (its keys, its epoch, whether it is disabled) is no such field.
type AccountField uint8

// The fields, and their words in the API.
const (
	FieldGivenName     AccountField = iota + 1 // "given_name"
	FieldSurname                               // "surname"
	FieldEmail                                 // "email"
	FieldGroups                                // "groups"
	FieldFunctions                             // "functions"
	FieldEstablishment                         // "establishment"
	FieldEnd                                   // "end"
	// What follows are the attributes of package fredu, by their names: AttributeField.
)

var accountFieldNames = words[AccountField]{what: "field of an account", names: append(
	[]string{"", "given_name", "surname", "email", "groups", "functions", "establishment", "end"}, attributeNames()...)}

func attributeNames() (names []string) {
	for _, a := range fredu.Attributes() {
		names = append(names, a.String())
	}
	return names
}

// AttributeField is the field of an attribute.
func AttributeField(a fredu.Attribute) AccountField { return FieldEnd + AccountField(a) }

// attribute is the attribute that a field is; the zero one where it is none.
func (f AccountField) attribute() fredu.Attribute {
	return fredu.Attribute(max(f, FieldEnd) - FieldEnd)
}

// String gives the field's word.
func (f AccountField) String() string { return accountFieldNames.name(f) }

// MarshalText gives the field's word; an unknown field is an error.
func (f AccountField) MarshalText() ([]byte, error) { return accountFieldNames.marshal(f) }

// UnmarshalText reads a field's word; anything else is an error.
func (f *AccountField) UnmarshalText(b []byte) error { return accountFieldNames.unmarshal(f, b) }

// Difference is what one field was and what it becomes, for people to read:
// lists in alphabetical order with commas, a time in RFC 3339, nothing as "".
type Difference struct {
	Field AccountField `json:"field"`
	From  string       `json:"from,omitempty"`
	To    string       `json:"to,omitempty"`
}

// With returns the account with some of its fields as values has them.
func (a Account) With(values Account, fields []AccountField) Account {
	for _, f := range fields {
		switch f {
		case FieldGivenName:
			a.GivenName = values.GivenName
		case FieldSurname:
			a.Surname = values.Surname
		case FieldEmail:
			a.Email = values.Email
		case FieldGroups:
			a.Groups = values.Groups
		case FieldFunctions:
			a.Functions = values.Functions
		case FieldEstablishment:
			a.Establishment = values.Establishment
		case FieldEnd:
			a.End = values.End
		default:
			a.Attributes = a.Attributes.Like(values.Attributes, f.attribute())
		}
	}
	return a
}

// text is a field for people to read. Groups and functions are sets: their order
// is no difference.
func (a Account) text(f AccountField) string {
	switch f {
	case FieldGivenName:
		return a.GivenName
	case FieldSurname:
		return a.Surname
	case FieldEmail:
		return a.Email
	case FieldGroups:
		return setText(a.Groups)
	case FieldFunctions:
		return setText(a.Functions)
	case FieldEstablishment:
		return a.Establishment
	case FieldEnd:
		if !a.End.IsZero() {
			return a.End.UTC().Format(time.RFC3339Nano)
		}
	default:
		return strings.Join(a.Attributes.Values(f.attribute()), ",")
	}
	return ""
}

func setText(list []string) string {
	return strings.Join(slices.Compact(slices.Sorted(slices.Values(list))), ",")
}

// Differences says what becomes of the account when it is as another is.
func (a Account) Differences(to Account) (all []Difference) {
	for f := FieldGivenName; int(f) < len(accountFieldNames.names); f++ {
		if from, is := a.text(f), to.text(f); from != is {
			all = append(all, Difference{f, from, is})
		}
	}
	return all
}

// fieldNames are the words of the fields that differ, for the audit trail, which
// has no business with what stands in them.
func fieldNames(all []Difference) string {
	var names []string
	for _, d := range all {
		names = append(names, d.Field.String())
	}
	return strings.Join(names, ", ")
}

// SetAccount changes some fields of a person to what values has, which names the
// person too. What is so already is neither written nor written down. An account
// that had ended and opens again does so without its sessions of before. Errors:
// ErrNotFound, a sentence about the account, the store's.
func (g *Gate) SetAccount(ctx context.Context, by Actor, values Account, fields []AccountField) error {
	return g.act(ctx, func(w store.Writer, now time.Time) ([]Event, error) {
		was, err := g.accountIn(w, values.Identifier)
		if err != nil {
			return nil, err
		}
		return g.become(w, by, was, was.With(values, fields), now)
	})
}

// become writes an account that is to be as another, where they differ.
func (g *Gate) become(w store.Writer, by Actor, was, is Account, now time.Time) ([]Event, error) {
	all := was.Differences(is)
	if len(all) == 0 {
		return nil, nil
	}
	if err := is.Validate(); err != nil {
		return nil, err
	}
	if was.Closed(now) && !is.Closed(now) {
		is.Epoch++
	}
	return []Event{{Kind: AccountChanged, Holder: is.Identifier, Actor: by.Name, Detail: fieldNames(all)}},
		errors.Join(indexMember(w, is.Identifier, was.Establishments(), is.Establishments()),
			write(g.secrets(), w, accountName(is.Identifier), accountRecord(is), time.Time{}))
}
