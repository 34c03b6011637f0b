package mem_test

import (
	"testing"

	"virga/internal/store"
	"virga/internal/store/mem"
	"virga/internal/store/storetest"
)

func TestSuite(t *testing.T) {
	storetest.Run(t, func(t *testing.T, w *storetest.Wakes) store.Store { return mem.New(w, nil) })
}
