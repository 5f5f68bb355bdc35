// Package linear holds the gate to what it promises of its order, and has nothing
// but tests.
//
// Clients use gates on one store at once and write down when they asked, when they
// were answered and what. Porcupine (https://github.com/anishathalye/porcupine)
// then looks for an order of these acts, one after the other and none before it was
// asked or after it was answered, in which a register would have answered the same:
// a code that can be consumed once, a session that is open until it is revoked. An
// act whose answer did not come may have happened, at any time from then on, or not.
// Where there is no such order, the history is not linearizable (Herlihy and Wing,
// "Linearizability: A Correctness Condition for Concurrent Objects", 1990), and the
// gate has promised too much.
//
// A session that is known to a gate's memory is not read from the store; another
// gate hears of its end within a bound. So such a reading may be as old as that:
// its beginning is moved back by the bound, and the rest is the same.
package linear
