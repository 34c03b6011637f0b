package eventpattern

import (
	"cmp"
	"slices"
	"sync"
)

// Index finds, among many patterns, those that one event meets. It is safe for use by several goroutines and does not
// change; a change of the rules makes a new one.
type Index struct {
	paths   paths
	entries []entry
	fields  []lookup // by field
	always  []int32  // entries that no value leads to
	rules   int
	scratch sync.Pool
}

// entry is a branch of one of the patterns.
type entry struct {
	branch branch
	rule   int32
}

// lookup leads from a value of one field to the entries that may be met.
type lookup struct {
	texts    map[string][]int32 // the value as JSON writes it
	numbers  map[float64][]int32
	prefixes byLength
	suffixes byLength
	folds    map[string][]int32 // by key of the value
	foldPre  byLength
	foldSuf  byLength
	networks []networks
	spans    spans
	present  []int32 // any value
	folding  bool
}

// byLength finds the texts of a few lengths that a value begins or ends with.
type byLength struct {
	lengths []int
	texts   map[string][]int32
}

func (l *byLength) add(s string, entry int32) {
	if l.texts == nil {
		l.texts = map[string][]int32{}
	}
	l.texts[s] = append(l.texts[s], entry)
	if at, ok := slices.BinarySearch(l.lengths, len(s)); !ok {
		l.lengths = slices.Insert(l.lengths, at, len(s))
	}
}

// networks are those of one family and one length.
type networks struct {
	n, bits int
	entries map[address][]int32
}

// access is how an entry is reached: one of its conditions, and how many entries its values would lead to.
type access struct {
	condition int
	cost      int
}

// NewIndex compiles an index of patterns; a rule is its pattern's place among them.
func NewIndex(patterns []*Pattern) *Index {
	x := &Index{rules: len(patterns)}
	x.collect(patterns)
	x.paths.seal()
	x.fields = make([]lookup, x.paths.count)
	shared := x.counts()
	for i := range x.entries {
		b := &x.entries[i].branch
		best := access{condition: -1}
		for j := range b.conditions {
			if cost, ok := b.conditions[j].cost(shared); ok && (best.condition < 0 || cost < best.cost) {
				best = access{j, cost}
			}
		}
		if best.condition < 0 {
			x.always = append(x.always, int32(i))
			continue
		}
		c := &b.conditions[best.condition]
		for j := range c.tests {
			x.fields[c.field].add(&c.tests[j], int32(i))
		}
	}
	for i := range x.fields {
		x.fields[i].spans.seal()
		x.fields[i].folding = x.fields[i].folds != nil || x.fields[i].foldPre.texts != nil || x.fields[i].foldSuf.texts != nil
	}
	return x
}

// collect copies the patterns' branches side by side, with one copy of each text, so that few places in memory are read.
func (x *Index) collect(patterns []*Pattern) {
	var branches, conditions, tests int
	for _, p := range patterns {
		branches += len(p.branches)
		for _, b := range p.branches {
			conditions += len(b.conditions)
			for i := range b.conditions {
				tests += len(b.conditions[i].tests)
			}
		}
	}
	x.entries = make([]entry, 0, branches)
	allConditions, allTests := make([]condition, 0, conditions), make([]test, 0, tests)
	texts := map[string]string{}
	for i, p := range patterns {
		for _, b := range p.branches {
			from := len(allConditions)
			for _, c := range b.conditions {
				c.field = x.paths.add(c.path)
				first := len(allTests)
				allTests = append(allTests, c.tests...)
				c.tests = allTests[first:len(allTests):len(allTests)]
				for k := range c.tests {
					t := &c.tests[k]
					if same, ok := texts[t.text]; ok {
						t.text = same
					} else {
						texts[t.text] = t.text
					}
				}
				allConditions = append(allConditions, c)
			}
			x.entries = append(x.entries, entry{branch{allConditions[from:len(allConditions):len(allConditions)]}, int32(i)})
		}
	}
}

// wanted names a text that entries look for in a field.
type wanted struct {
	field int32
	kind  kind
	text  string
	low   float64
}

func (c *condition) wanted(t *test) (wanted, bool) {
	w := wanted{field: c.field, kind: t.kind}
	switch t.kind {
	case exact, prefix, suffix:
		w.text = t.text
	case number:
		w.text, w.low = t.text, t.number
		if t.isNumber {
			w.text = ""
		}
	case cidr:
		w.text = string(t.network.bytes[:t.network.n])
	case equalsFold:
		w.text = t.folded.key()
	case span:
		w.low = t.low
	default:
		return w, false
	}
	return w, true
}

// counts says how many entries look for the same thing.
func (x *Index) counts() map[wanted]int {
	shared := map[wanted]int{}
	for i := range x.entries {
		for j := range x.entries[i].branch.conditions {
			c := &x.entries[i].branch.conditions[j]
			for k := range c.tests {
				if w, ok := c.wanted(&c.tests[k]); ok {
					shared[w]++
				}
			}
		}
	}
	return shared
}

// The costs of tests that no hash serves, in entries; those that nearly any value passes cost the most.
const (
	costShort = 1000
	costSpan  = 100
	costAny   = 1 << 20
)

// cost is how many entries a value that meets the condition leads to; false says that the field may be absent.
func (c *condition) cost(shared map[wanted]int) (int, bool) {
	if c.absent {
		return 0, false
	}
	cost := 0
	for i := range c.tests {
		t := &c.tests[i]
		switch w, ok := c.wanted(t); {
		case !ok && (t.kind == glob && len(t.wildcard.pieces[0]) > 2 || (t.kind == prefixFold || t.kind == suffixFold) && !t.folded.odd):
			cost += costShort
		case !ok:
			cost += costAny
		case t.kind == span:
			cost += costSpan + shared[w]
		case t.kind == prefix || t.kind == suffix:
			cost += shared[w] + costShort/len(t.text)
		default:
			cost += shared[w]
		}
	}
	return cost, true
}

func (l *lookup) add(t *test, entry int32) {
	switch t.kind {
	case exact:
		if l.texts == nil {
			l.texts = map[string][]int32{}
		}
		l.texts[t.text] = append(l.texts[t.text], entry)
	case number:
		if !t.isNumber {
			if l.texts == nil {
				l.texts = map[string][]int32{}
			}
			l.texts[t.text] = append(l.texts[t.text], entry)
			return
		}
		if l.numbers == nil {
			l.numbers = map[float64][]int32{}
		}
		l.numbers[t.number] = append(l.numbers[t.number], entry)
	case prefix:
		l.prefixes.add(t.text, entry)
	case suffix:
		l.suffixes.add(t.text, entry)
	case equalsFold, prefixFold, suffixFold:
		key := t.folded.key()
		switch {
		case t.folded.odd:
			l.present = append(l.present, entry)
		case t.kind == prefixFold:
			l.foldPre.add(key, entry)
		case t.kind == suffixFold:
			l.foldSuf.add(key, entry)
		default:
			if l.folds == nil {
				l.folds = map[string][]int32{}
			}
			l.folds[key] = append(l.folds[key], entry)
		}
	case glob:
		p := t.wildcard.pieces
		switch first, last := p[0], p[len(p)-1]; {
		case len(last) > len(first):
			l.suffixes.add(string(last), entry)
		default:
			l.prefixes.add(string(first), entry)
		}
	case cidr:
		l.network(t.network, entry)
	case span:
		l.spans.list = append(l.spans.list, interval{t.low, t.high, entry})
	default:
		l.present = append(l.present, entry)
	}
}

func (l *lookup) network(n network, entry int32) {
	n = n.masked()
	for i := range l.networks {
		if g := &l.networks[i]; g.n == n.n && g.bits == n.bits {
			g.entries[n.address] = append(g.entries[n.address], entry)
			return
		}
	}
	l.networks = append(l.networks, networks{n.n, n.bits, map[address][]int32{n.address: {entry}}})
}

// finding is one event's way through the index.
type finding struct {
	fields
	seen   []uint32 // by entry
	met    []uint32 // by rule
	round  uint32
	found  []int32
	folded []byte
}

// Match appends to rules, in order, the places of the patterns that the event meets.
func (x *Index) Match(event []byte, rules []int) ([]int, error) {
	f, _ := x.scratch.Get().(*finding)
	if f == nil {
		f = &finding{seen: make([]uint32, len(x.entries)), met: make([]uint32, x.rules)}
	}
	defer func() {
		f.release()
		x.scratch.Put(f)
	}()
	if err := f.read(&x.paths, event); err != nil {
		return rules, err
	}
	if f.round++; f.round == 0 {
		clear(f.seen)
		clear(f.met)
		f.round = 1
	}
	f.found = f.found[:0]
	if err := x.try(f, x.always); err != nil {
		return rules, err
	}
	for _, field := range f.touched {
		l := &x.fields[field]
		for at := f.heads[field]; at >= 0; at = f.values[at].next {
			if err := x.value(f, l, &f.values[at]); err != nil {
				return rules, err
			}
		}
	}
	if len(f.found) > 1 {
		slices.Sort(f.found)
	}
	for _, r := range f.found {
		rules = append(rules, int(r))
	}
	return rules, nil
}

func (x *Index) value(f *finding, l *lookup, v *value) error {
	try := func(entries []int32) error {
		if len(entries) == 0 {
			return nil
		}
		return x.try(f, entries)
	}
	if l.texts != nil {
		if err := try(l.texts[string(v.text)]); err != nil {
			return err
		}
	}
	if v.kind == numberValue && (l.numbers != nil || len(l.spans.list) > 0) {
		if n, ok := v.comparable(); ok {
			if err := try(l.numbers[n]); err != nil {
				return err
			}
			if err := l.spans.at(n, func(entry int32) error { return try([]int32{entry}) }); err != nil {
				return err
			}
		}
	}
	if err := l.prefixes.head(v.text, try); err != nil {
		return err
	}
	if err := l.suffixes.tail(v.text, try); err != nil {
		return err
	}
	if l.folding && v.kind == stringValue {
		f.folded = appendKey(f.folded[:0], v.text)
		if err := try(l.folds[string(f.folded)]); err != nil {
			return err
		}
		if err := l.foldPre.head(f.folded, try); err != nil {
			return err
		}
		if err := l.foldSuf.tail(f.folded, try); err != nil {
			return err
		}
	}
	if len(l.networks) > 0 {
		if a := v.ip(); a != nil {
			for i := range l.networks {
				g := &l.networks[i]
				if g.n != a.n {
					continue
				}
				if err := try(g.entries[network{*a, g.bits}.masked().address]); err != nil {
					return err
				}
			}
		}
	}
	return try(l.present)
}

func (l *byLength) head(v []byte, try func([]int32) error) error {
	for _, n := range l.lengths {
		if n > len(v) {
			break
		}
		if err := try(l.texts[string(v[:n])]); err != nil {
			return err
		}
	}
	return nil
}

func (l *byLength) tail(v []byte, try func([]int32) error) error {
	for _, n := range l.lengths {
		if n > len(v) {
			break
		}
		if err := try(l.texts[string(v[len(v)-n:])]); err != nil {
			return err
		}
	}
	return nil
}

// try looks whether the event meets the entries' branches.
func (x *Index) try(f *finding, entries []int32) error {
	for _, i := range entries {
		if f.seen[i] == f.round {
			continue
		}
		f.seen[i] = f.round
		e := &x.entries[i]
		if f.met[e.rule] == f.round {
			continue
		}
		ok, err := f.meets(&e.branch)
		if err != nil {
			return err
		}
		if ok {
			f.met[e.rule] = f.round
			f.found = append(f.found, e.rule)
		}
	}
	return nil
}

// interval holds the numbers that an entry looks for; whether its ends belong to it the entry itself decides.
type interval struct {
	low, high float64
	entry     int32
}

// spans finds the intervals around a number: sorted by their lower ends, with the highest upper end of each half.
type spans struct {
	list []interval
	most []float64
}

func (s *spans) seal() {
	slices.SortFunc(s.list, func(a, b interval) int { return cmp.Compare(a.low, b.low) })
	s.most = make([]float64, len(s.list))
	s.fill(0, len(s.list))
}

func (s *spans) fill(from, to int) float64 {
	if from >= to {
		return lowest
	}
	mid := int(uint(from+to) >> 1)
	s.most[mid] = max(s.list[mid].high, s.fill(from, mid), s.fill(mid+1, to))
	return s.most[mid]
}

func (s *spans) at(n float64, try func(int32) error) error {
	return s.within(0, len(s.list), n, try)
}

func (s *spans) within(from, to int, n float64, try func(int32) error) error {
	for from < to {
		mid := int(uint(from+to) >> 1)
		if s.most[mid] < n {
			return nil
		}
		if err := s.within(from, mid, n, try); err != nil {
			return err
		}
		if s.list[mid].low > n {
			return nil
		}
		if s.list[mid].high >= n {
			if err := try(s.list[mid].entry); err != nil {
				return err
			}
		}
		from = mid + 1
	}
	return nil
}
