package asl

func judgeTest(c recorded, want any) verdict {
	no := false
	return verdict{false, &no, "TestState is not there"}
}
