package authcore

import (
	"crypto/hmac"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// Chain is whose sequence an entry of the audit trail stands in: the
// identifier of the person it is about, or a word that no identifier is spelt
// like. In each chain the entries are numbered 1, 2, 3…, so that one that is
// missing leaves a gap.
type Chain string

// The chains that are nobody's. Of identifiers nobody has there is a fixed
// number, "~000" to "~fff", so that a flood of them stays bounded and does not
// meet at one record.
const (
	stockChain Chain = "~stock" // keys without a holder
	gateChain  Chain = "~gate"  // the rest
)

// slot is which of 4,096 stands for an identifier that nobody has.
func (s *Secrets) slot(id Identifier) string {
	return "~" + hex.EncodeToString(s.derive("slot", string(id)))[:3]
}

// chainRecord is the head of a chain: it moves in the transaction of each entry,
// and tells which entries there must be.
type chainRecord struct {
	Last   uint64    `json:"last"`            // the number given last
	Gone   spans     `json:"gone,omitempty"`  // those removed, by a purge or an erasure
	Chains uint64    `json:"chains,omitzero"` // of the gate's chain: how many others there are
	Untold uint64    `json:"untold,omitzero"` // of the gate's chain: how many a purge removed and no entry tells of yet
	Erased time.Time `json:"erased,omitzero"` // of a person's whose data were erased
}

// ended reports that a chain has no entry left and will have none: it is that of
// a person without an account.
func (h chainRecord) ended(from getter, c Chain) (bool, error) {
	if len(h.Gone.missing(h.Last)) > 0 || strings.HasPrefix(string(c), "~") {
		return false, nil
	}
	err := absent(from, accountName(Identifier(c)))
	if errors.Is(err, ErrExists) {
		return false, nil
	}
	return err == nil, err
}

// readHead reads the head of a chain, the zero one where it has not begun.
func readHead(s *Secrets, from getter, c Chain) (chainRecord, error) {
	head, err := read[chainRecord](s, from, chainName(c))
	if errors.Is(err, store.ErrNotFound) {
		return chainRecord{}, nil
	}
	return head, err
}

// countChains notes in the gate's chain that another one begins, or ends: so that
// a whole chain that is missing is found.
func countChains(s *Secrets, w store.Writer, change int) error {
	gate, err := readHead(s, w, gateChain)
	if err != nil {
		return err
	}
	gate.Chains += uint64(change) // two's complement: one less
	return write(s, w, chainName(gateChain), gate, time.Time{})
}

// dropHead removes the head of a chain that has ended.
func dropHead(s *Secrets, w store.Writer, c Chain) error {
	return errors.Join(w.Delete(chainName(c)), countChains(s, w, -1))
}

// chain says where an entry belongs that was given no chain.
func (e Event) chain() Chain {
	switch {
	case e.Holder != "":
		return Chain(e.Holder)
	case e.Serial != "":
		return stockChain
	}
	return gateChain
}

// number gives an event its place in its chain, and its MAC.
func (e *Event) number(s *Secrets, w store.Writer) error {
	if e.Chain == "" {
		e.Chain = e.chain()
	}
	head, err := readHead(s, w, e.Chain)
	if err != nil {
		return err
	}
	if head.Last == 0 && e.Chain != gateChain {
		if err := countChains(s, w, +1); err != nil {
			return err
		}
	}
	head.Last++
	e.Number = head.Last
	e.MAC = s.derive(auditPurpose, e.canonical())
	return write(s, w, chainName(e.Chain), head, time.Time{})
}

const auditPurpose = "audit"

// canonical is every field but the MAC, in one spelling: name, length and value
// of those that are not empty. A field to come is appended, so that entries
// without it keep their MAC.
func (e Event) canonical() string {
	var b strings.Builder
	add := func(name, value string) {
		if value != "" {
			b.WriteString(name + " " + strconv.Itoa(len(value)) + " " + value + "\n")
		}
	}
	add("time", e.Time.UTC().Format(time.RFC3339Nano))
	add("kind", e.Kind.String())
	add("reference", string(e.Reference))
	add("holder", string(e.Holder))
	add("unknown", e.Unknown)
	add("serial", string(e.Serial))
	add("actor", e.Actor)
	add("address", e.Address)
	add("agent", e.Agent)
	add("detail", e.Detail)
	add("chain", string(e.Chain))
	add("number", strconv.FormatUint(e.Number, 10))
	if e.Alert {
		add("alert", "true")
	}
	return b.String()
}

// genuine reports whether an entry is as it was written, under whichever of the
// secrets' keys.
func (e Event) genuine(s *Secrets) bool {
	text := e.canonical()
	if hmac.Equal(e.MAC, s.derive(auditPurpose, text)) {
		return true
	}
	for _, mac := range s.deriveAll(auditPurpose, text) {
		if hmac.Equal(e.MAC, mac) {
			return true
		}
	}
	return false
}
