package cloud

import (
	"cmp"
	"net/http"
	"slices"

	"virga/internal/console"
	"virga/internal/console/panel"
	"virga/internal/front"
	"virga/internal/gate"
)

// panelOrder is the order of the console's menu; panels that are not named here come after, by title.
var panelOrder = []string{"stacks", "functions", "queues", "logs"}

// console makes the web console of the services' panels.
func (c *Cloud) console(cfg Config, parts []gate.Parts) *console.Console {
	var panels []panel.Panel
	for _, p := range parts {
		panels = append(panels, p.Panels...)
	}
	place := func(p panel.Panel) int {
		if i := slices.Index(panelOrder, p.Name); i >= 0 {
			return i
		}
		return len(panelOrder)
	}
	slices.SortStableFunc(panels, func(a, b panel.Panel) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a.Title, b.Title))
	})
	key := ""
	if cfg.Dev && len(cfg.DevKeys) > 0 {
		key = cfg.DevKeys[0].ID
	}
	return console.New(console.Config{Env: c.Env, Gate: c.Gate, Auth: c.Auth, Record: c.Record, Log: cfg.Log, Domain: cfg.Domain, Region: cfg.Region, Ephemeral: cfg.Ephemeral,
		DevKey: key, DevPeer: func(r *http.Request) bool { return front.DevPeer(r, cfg.DevNetworks) }, Panels: panels})
}
