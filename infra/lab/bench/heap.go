package bench

import (
	"runtime"
	"runtime/metrics"
	"time"
)

// peakHeapMegabytes is the maximum growth of the heap during do, including objects
// that the garbage collector has not freed yet. It samples once a millisecond.
func peakHeapMegabytes(do func() error) (float64, error) {
	const bytes = 1e6
	runtime.GC()
	runtime.GC() // frees what a sync.Pool released in the first collection
	idle := heapBytes()
	done, peak := make(chan struct{}), make(chan uint64)
	go func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		most := idle
		for {
			most = max(most, heapBytes())
			select {
			case <-tick.C:
			case <-done:
				peak <- max(most, heapBytes())
				return
			}
		}
	}()
	err := do()
	close(done)
	return float64(<-peak-idle) / bytes, err
}

func heapBytes() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
