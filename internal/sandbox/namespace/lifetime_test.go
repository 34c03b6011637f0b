package namespace

const (
	serverArg = "virga-test-server"
	serveArg  = "virga-test-serve"
)

func serverMain([]string) {}
func serveMain([]string)  {}
