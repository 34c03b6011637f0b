import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.nio.charset.StandardCharsets;
import software.amazon.event.ruler.GenericMachine;
import software.amazon.event.ruler.JsonRuleCompiler;

/** Answers one line {"pattern": text, "event": text} with {"refused": text} or {"match": boolean, "older": boolean} or {"failed": text}. */
public class Judge {
    /** The finder of version 2, or the one before it, which the library still has. */
    static boolean matches(String pattern, String event, boolean structured) throws Exception {
        GenericMachine<String> machine = GenericMachine.<String>builder().withStructuredMatching(structured).build();
        machine.addRule("rule", pattern);
        return !machine.rulesForJSONEvent(event).isEmpty();
    }

    public static void main(String[] args) throws Exception {
        ObjectMapper json = new ObjectMapper();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        BufferedWriter out = new BufferedWriter(new OutputStreamWriter(System.out, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            JsonNode asked = json.readTree(line);
            ObjectNode answer = json.createObjectNode();
            String pattern = asked.get("pattern").asText();
            String refused = JsonRuleCompiler.check(pattern);
            if (refused != null) {
                answer.put("refused", refused);
            } else {
                try {
                    String event = asked.get("event").asText();
                    answer.put("match", matches(pattern, event, true));
                    answer.put("older", matches(pattern, event, false));
                } catch (Exception e) {
                    answer.put("failed", String.valueOf(e.getMessage()));
                }
            }
            out.write(json.writeValueAsString(answer));
            out.newLine();
            out.flush();
        }
    }
}
