package otp

import "crypto/subtle"

// Find gives the lowest step of [from, to], both ends included, at which the
// code stands, and whether there is one.
//
// It computes and compares every code of the range, whatever the code is and
// wherever it matches, so that the time it takes tells nothing but the length
// of the range. A code that is not exactly g.Digits ASCII digits matches
// nowhere and takes as long. An empty range (from > to) and negative steps hold
// no code; neither does an invalid generator. The caller bounds the range.
func (g Generator) Find(code string, from, to Step) (Step, bool) {
	if g.Validate() != nil {
		return 0, false
	}
	from, to = max(from, 0), min(to, g.last())
	next, mod := g.sequence(), g.modulus()
	return lowest(func(s Step) int32 { return int32(next(s) % mod) }, g.parse(code), from, to)
}

// lowest gives the lowest step of [from, to] whose value is the one wanted,
// from being no less than 0. It takes each value of the range once, downwards,
// so that the last match kept is the lowest, and branches on none.
func lowest(value func(Step) int32, want int32, from, to Step) (found Step, ok bool) {
	hit := 0
	for s := to; s >= from; s-- {
		equal := subtle.ConstantTimeEq(value(s), want)
		mask := -Step(equal)
		found = found&^mask | s&mask
		hit |= equal
	}
	return found, hit == 1
}

// parse gives the value of a code, or -1, which equals no value, for what has
// not the shape of one. A code of 8 digits fits in 27 bits.
func (g Generator) parse(code string) int32 {
	if len(code) != g.Digits {
		return -1
	}
	var v int32
	for i := range len(code) {
		d := code[i] - '0'
		if d > 9 {
			return -1
		}
		v = 10*v + int32(d)
	}
	return v
}
