package caddymodule

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"
)

// A list comes in pages of so many entries, unless the caller wants another
// number, which has an end: an answer is made in memory.
const (
	defaultPage = 1000
	maxPage     = 10_000
)

// limit reads how many entries the caller wants in a page.
func (c *adminCall) limit() (int, error) {
	text := c.query.Get("limit")
	if text == "" {
		return defaultPage, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxPage {
		return 0, adminRefusal(http.StatusBadRequest, "the parameter limit is a number of entries, 1 to %d", maxPage)
	}
	return n, nil
}

// after reads the name of the entry behind which a page begins, "" for the first
// page.
func after[T ~string](c *adminCall, read func(string) (T, error)) (T, error) {
	text := c.query.Get("after")
	if text == "" {
		return "", nil
	}
	return read(text)
}

// cutPage takes a list of which one entry more was read than a page has. Where
// there is more, it tells where the list goes on, in a Link header with the
// relation "next" (RFC 8288 section 3).
func cutPage[T any](c *adminCall, list []T, limit int, name func(T) string) []T {
	if len(list) <= limit {
		return list
	}
	list = list[:limit]
	query := maps.Clone(c.query)
	query.Set("after", name(list[limit-1]))
	c.w.Header().Set("Link", fmt.Sprintf("<%s?%s>; rel=\"next\"", c.URL.Path, query.Encode()))
	return list
}
