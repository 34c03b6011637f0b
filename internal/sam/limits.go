package sam

// Limits bound what one template may cost. A field of zero takes the default.
type Limits struct {
	DepthMax     int // nesting of values; default 200
	NodesMax     int // values in the template; default 1,000,000
	StepsMax     int // values visited by the transform, references followed; default 50,000,000
	ResourcesMax int // resources in the result; default 20,000
}

func (l Limits) filled() Limits {
	set := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	set(&l.DepthMax, 200)
	set(&l.NodesMax, 1_000_000)
	set(&l.StepsMax, 50_000_000)
	set(&l.ResourcesMax, 20_000)
	return l
}

// budget counts the work of one transform.
type budget struct {
	Limits
	steps int
}

// step ends the transform when the work or the depth is over its limit.
func (b *budget) step(depth int) {
	b.steps++
	if b.steps > b.StepsMax {
		panic(&LimitError{"StepsMax", b.StepsMax})
	}
	if depth > b.DepthMax {
		panic(&LimitError{"DepthMax", b.DepthMax})
	}
}

// spend counts n steps at once.
func (b *budget) spend(n int) {
	b.steps += n
	b.step(0)
}

// measure counts the values of a tree, and ends the transform at the limits.
func (b *budget) measure(v any) {
	nodes := 0
	var walk func(v any, depth int)
	walk = func(v any, depth int) {
		if nodes++; nodes > b.NodesMax {
			panic(&LimitError{"NodesMax", b.NodesMax})
		}
		if depth > b.DepthMax {
			panic(&LimitError{"DepthMax", b.DepthMax})
		}
		switch t := v.(type) {
		case *Map:
			for _, x := range t.All() {
				walk(x, depth+1)
			}
		case []any:
			for _, x := range t {
				walk(x, depth+1)
			}
		}
	}
	walk(v, 0)
	b.spend(nodes)
}
