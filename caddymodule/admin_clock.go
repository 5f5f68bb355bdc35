package caddymodule

func showClock(c *adminCall) (any, error) { return c.gate.Clock(c.Context()) }

func acceptClock(c *adminCall) (any, error) {
	if err := c.noBody(); err != nil {
		return nil, err
	}
	if err := c.gate.AcceptClock(c.Context(), c.by); err != nil {
		return nil, err
	}
	return showClock(c)
}
