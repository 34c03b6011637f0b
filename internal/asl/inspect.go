package asl

// inspection is what TestState shows of a state at work.
type inspection struct {
	afterInputPath, afterParameters, afterArguments *Document
	result, afterItemsPath                          *Document
	afterResultSelector, afterResultPath            *Document
	run                                             *MapRun
	next                                            string
	output                                          *Document
}

// saw notes something for TestState.
func (r *run) saw(note func(*inspection)) {
	if r.watch != nil {
		note(r.watch)
	}
}
