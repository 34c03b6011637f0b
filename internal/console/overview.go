package console

import (
	"context"

	"virga/internal/console/panel"
	"virga/internal/wire"
)

type overviewCard struct {
	Panel   panel.Panel
	Card    *panel.Card
	Problem string
}

// overview shows a card of each panel; what the caller may not see says so on its own card.
func (c *Console) overview(ctx context.Context, r *panel.Request) (*panel.View, error) {
	var cards []overviewCard
	for _, p := range c.cfg.Panels {
		if p.Card == nil {
			continue
		}
		x := overviewCard{Panel: p}
		card, err := p.Card(ctx, r)
		if err != nil {
			in := c.problemOf(wire.CallOf(ctx), err)
			x.Problem = in.Code + ": " + in.Message
		}
		x.Card = card
		cards = append(cards, x)
	}
	return &panel.View{Template: "overview", Title: "Overview", Data: cards}, nil
}
