package linear

import (
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// What clients ask of a register.
type question int

const (
	consume question = iota + 1 // is answered yes to one, and no afterwards
	read                        // of a session: yes while it is open
	revoke                      // of a session: yes
)

// ask is what an act asks, and of which register: a code, or a session.
type ask struct {
	register string
	question question
}

// What an act was answered.
type answer int

const (
	yes answer = iota + 1
	no
	unknown // the store failed, or was not reached: it may have happened, now or later
)

// model is a register for each code and each session. Its state says that the code
// was consumed, or the session revoked.
var model = (&porcupine.NondeterministicModel{
	Partition: func(history []porcupine.Operation) (parts [][]porcupine.Operation) {
		by := map[string]int{}
		for _, op := range history {
			register := op.Input.(ask).register
			if _, known := by[register]; !known {
				by[register] = len(parts)
				parts = append(parts, nil)
			}
			parts[by[register]] = append(parts[by[register]], op)
		}
		return parts
	},
	Init: func() []any { return []any{false} },
	Step: func(state, input, output any) []any {
		return step(state.(bool), input.(ask).question, output.(answer))
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprint(input, output) },
}).ToModel()

// step returns the states that the act may leave; none where it cannot have been
// answered so.
func step(spent bool, q question, a answer) []any {
	switch {
	case a == unknown && q != read:
		return []any{spent, true}
	case q == consume && a == yes && !spent, q == consume && a == no && spent, q == revoke && a == yes:
		return []any{true}
	case q == read && (a == yes) == !spent:
		return []any{spent}
	}
	return nil
}

// history is what clients have written down.
type history struct {
	began time.Time
	mu    sync.Mutex
	acts  []porcupine.Operation
}

func newHistory() *history { return &history{began: time.Now()} }

// note has act done and writes it down, for each of the registers. What it saw may be
// as old as stale before it was asked. A reading without an answer says nothing.
func (h *history) note(client int, q question, stale time.Duration, act func() answer, registers ...string) {
	call := time.Since(h.began)
	a := act()
	end := int64(time.Since(h.began))
	if a == unknown {
		end = math.MaxInt64
		if q == read {
			return
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range registers {
		h.acts = append(h.acts, porcupine.Operation{ClientId: client, Input: ask{r, q}, Call: int64(call - stale), Output: a, Return: end})
	}
}

// count counts the acts of that kind that were answered so.
func (h *history) count(q question, a answer) (n int) {
	for _, op := range h.acts {
		if op.Input.(ask).question == q && op.Output.(answer) == a {
			n++
		}
	}
	return n
}

// linearizable tells whether there is an order; a search that takes too long fails.
func (h *history) linearizable(t *testing.T) bool {
	t.Helper()
	result := porcupine.CheckOperationsTimeout(model, h.acts, time.Minute)
	if result == porcupine.Unknown {
		t.Fatalf("for %d acts an order was neither found nor excluded in a minute", len(h.acts))
	}
	return result == porcupine.Ok
}

// Histories that are right, and some that are wrong in one point: the check itself
// is checked.
func TestTheModel(t *testing.T) {
	act := func(q question, a answer, call, end int64) porcupine.Operation {
		return porcupine.Operation{Input: ask{"x", q}, Output: a, Call: call, Return: end}
	}
	const never = math.MaxInt64
	for _, c := range []struct {
		name string
		acts []porcupine.Operation
		want bool
	}{
		{"consumed once", []porcupine.Operation{act(consume, yes, 0, 5), act(consume, no, 1, 4)}, true},
		{"consumed twice", []porcupine.Operation{act(consume, yes, 0, 5), act(consume, yes, 1, 4)}, false},
		{"consumed twice, much later", []porcupine.Operation{act(consume, yes, 0, 1), act(consume, yes, 8, 9)}, false},
		{"refused before it was consumed", []porcupine.Operation{act(consume, no, 0, 1), act(consume, yes, 2, 3)}, false},
		{"refused beside an unknown one", []porcupine.Operation{act(consume, unknown, 0, never), act(consume, no, 2, 3)}, true},
		{"consumed beside an unknown one", []porcupine.Operation{act(consume, unknown, 0, never), act(consume, yes, 2, 3)}, true},
		{"refused before an unknown one", []porcupine.Operation{act(consume, no, 0, 1), act(consume, unknown, 2, never)}, false},
		{"read, revoked, refused", []porcupine.Operation{act(read, yes, 0, 1), act(revoke, yes, 2, 3), act(read, no, 4, 5)}, true},
		{"read after the revocation", []porcupine.Operation{act(revoke, yes, 2, 3), act(read, yes, 4, 5)}, false},
		{"a reading as old as before the revocation", []porcupine.Operation{act(revoke, yes, 2, 3), act(read, yes, 4-3, 5)}, true},
		{"refused and never revoked", []porcupine.Operation{act(read, no, 4, 5)}, false},
		{"read after a revocation that was not answered", []porcupine.Operation{act(revoke, unknown, 2, never), act(read, yes, 4, 5), act(read, no, 6, 7)}, true},
		{"open again after one", []porcupine.Operation{act(revoke, unknown, 2, never), act(read, no, 4, 5), act(read, yes, 6, 7)}, false},
	} {
		if got := (&history{acts: c.acts}).linearizable(t); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
