package authcore

import (
	"cmp"
	"slices"
)

// span is a run of numbers, both ends in it.
type span [2]uint64

// spans are numbers from 1 on, kept as runs: in order, apart from each other. As
// numbers are given out one after the other, a year of them is one run.
type spans []span

// at finds the first run that ends at n or behind it.
func (s spans) at(n uint64) int {
	i, _ := slices.BinarySearchFunc(s, n, func(r span, n uint64) int { return cmp.Compare(r[1], n) })
	return i
}

func (s spans) has(n uint64) bool {
	i := s.at(n)
	return i < len(s) && s[i][0] <= n
}

// add puts a number in, and reports false when it was there. What s held before
// must not be used any more.
func (s spans) add(n uint64) (spans, bool) {
	i := s.at(n)
	if i < len(s) && s[i][0] <= n {
		return s, false
	}
	behind := i > 0 && s[i-1][1]+1 == n
	before := i < len(s) && s[i][0] == n+1
	switch {
	case behind && before:
		s[i-1][1] = s[i][1]
		return slices.Delete(s, i, i+1), true
	case behind:
		s[i-1][1] = n
	case before:
		s[i][0] = n
	default:
		s = slices.Insert(s, i, span{n, n})
	}
	return s, true
}

// missing returns the numbers from 1 to last that are not in.
func (s spans) missing(last uint64) (gaps spans) {
	next := uint64(1)
	for _, r := range s {
		if r[0] > last {
			break
		}
		if next < r[0] {
			gaps = append(gaps, span{next, r[0] - 1})
		}
		next = r[1] + 1
	}
	if next <= last {
		gaps = append(gaps, span{next, last})
	}
	return gaps
}

// count returns how many numbers are in.
func (s spans) count() (n uint64) {
	for _, r := range s {
		n += r[1] - r[0] + 1
	}
	return n
}
