package caddymodule

import (
	"net/http"
	"strconv"

	"github.com/sesame-gateway/sesame/authcore"
)

// requestList is the answer to GET /sesame/assistance.
type requestList struct {
	Requests []requestView `json:"requests"`
}

func listRequests(c *adminCall) (any, error) {
	var q authcore.RequestQuery
	if uai := c.query.Get("establishment"); uai != "" {
		if !authcore.ValidUAI(uai) {
			return nil, adminRefusal(http.StatusBadRequest, "the parameter establishment is a UAI: seven digits and the letter that checks them")
		}
		q.Establishments = []string{uai}
	}
	if text := c.query.Get("user"); text != "" {
		var err error
		if q.Holder, err = readIdentifier(text); err != nil {
			return nil, err
		}
	}
	limit, err := c.limit()
	if err != nil {
		return nil, err
	}
	from, err := after(c, readReference)
	if err != nil {
		return nil, err
	}
	found, err := c.gate.Requests(c.Context(), q, from, limit+1)
	found = cutPage(c, found, limit, func(r authcore.Request) string { return string(r.Reference) })
	list := requestList{Requests: make([]requestView, 0, len(found))}
	for _, r := range found {
		list.Requests = append(list.Requests, viewRequest(r))
	}
	return list, err
}

func showRequest(c *adminCall) (any, error) {
	ref, err := readReference(c.PathValue("reference"))
	if err != nil {
		return nil, err
	}
	r, err := c.gate.Request(c.Context(), ref)
	if err != nil {
		return nil, err
	}
	return viewRequest(r), nil
}

// showScreenshot answers with a picture within JSON: no browser that is led here shows
// it as a page.
func showScreenshot(c *adminCall) (any, error) {
	ref, err := readReference(c.PathValue("reference"))
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(c.PathValue("number"))
	if err != nil {
		return nil, adminRefusal(http.StatusBadRequest, "screenshots have numbers, from 1 on")
	}
	s, err := c.gate.Screenshot(c.Context(), ref, n)
	if err != nil {
		return nil, err
	}
	return hookPicture{pictureName(ref, n, s.Type()), s.Type(), s.Bytes()}, nil
}

func removeRequest(c *adminCall) (any, error) {
	ref, err := readReference(c.PathValue("reference"))
	if err != nil {
		return nil, err
	}
	if err := c.noBody(); err != nil {
		return nil, err
	}
	return nil, c.gate.RemoveRequest(c.Context(), c.by, ref)
}
