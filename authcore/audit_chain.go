package authcore

import (
	"crypto/hmac"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore/store"
)

// Chain is a sequence of entries of the audit trail, numbered 1, 2, 3…, so that
// one that is missing leaves a gap. There is one for each person: an entry stands
// there when something of them changed with it. Answers that change nothing of
// anybody, such as a code that was used before, and those of the unknown stand in
// one of the slots: however many such answers come at once, they do not wait for each
// other, and nobody for them. Chain is the person's identifier, or a word that no
// identifier is spelt like.
type Chain string

// The chains that are nobody's, beside the slots "~00" to "~3f".
const (
	stockChain Chain = "~stock" // keys without a holder
	gateChain  Chain = "~gate"  // the rest
)

// slots is how many there are: enough that a thousand answers at once settle, and
// few enough to be made with the store, in one transaction.
const slots = 64

func slotChain(n byte) Chain { return Chain(fmt.Sprintf("~%02x", n%slots)) }

// slotOf is the slot of a login, as good as drawn: its ID is random.
func (s *Secrets) slotOf(c Challenge) Chain { return slotChain(s.derive("slot", c.ID)[0]) }

// prepareChains makes the heads that every store has from its first day.
func prepareChains(s *Secrets, w store.Writer) error {
	errs := []error{write(s, w, chainName(gateChain), chainRecord{Chains: slots}, time.Time{})}
	for n := range byte(slots) {
		errs = append(errs, write(s, w, chainName(slotChain(n)), chainRecord{}, time.Time{}))
	}
	return errors.Join(errs...)
}

// chainRecord is the head of a chain: it moves in the transaction of each entry,
// and tells which entries there must be.
type chainRecord struct {
	Last   uint64    `json:"last"`            // the number given last
	Gone   spans     `json:"gone,omitempty"`  // those removed, by a purge or an erasure
	Erased time.Time `json:"erased,omitzero"` // of a person's whose data were erased

	// Of the gate's chain, about all of them:
	Chains  uint64 `json:"chains,omitzero"`  // how many others there are
	Removed uint64 `json:"removed,omitzero"` // how many numbers are gone from those that there are
	Untold  uint64 `json:"untold,omitzero"`  // how many a purge removed and no entry tells of yet
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
func readHead(s *Secrets, from getter, c Chain) (head chainRecord, begun bool, err error) {
	head, err = read[chainRecord](s, from, chainName(c))
	if errors.Is(err, store.ErrNotFound) {
		return chainRecord{}, false, nil
	}
	return head, err == nil, err
}

// changeGate changes what the head of the gate's chain says about all chains: a
// chain that is missing as a whole, or put back as it was, does not fit it.
func changeGate(s *Secrets, w store.Writer, change func(*chainRecord)) error {
	gate, _, err := readHead(s, w, gateChain)
	if err != nil {
		return err
	}
	change(&gate)
	return write(s, w, chainName(gateChain), gate, time.Time{})
}

// dropHead removes the head of a chain that ended with the number removed now.
func dropHead(s *Secrets, w store.Writer, c Chain, head chainRecord) error {
	return errors.Join(w.Delete(chainName(c)), changeGate(s, w, func(gate *chainRecord) {
		gate.Chains--
		gate.Removed -= head.Last - 1
	}))
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
	head, begun, err := readHead(s, w, e.Chain)
	if err != nil {
		return err
	}
	if !begun && e.Chain != gateChain {
		if err := changeGate(s, w, func(gate *chainRecord) { gate.Chains++ }); err != nil {
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
