import java.io.ByteArrayInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider;
import org.verapdf.pdfa.Foundries;
import org.verapdf.pdfa.PDFAParser;
import org.verapdf.pdfa.flavours.PDFAFlavour;
import org.verapdf.pdfa.results.TestAssertion;
import org.verapdf.pdfa.results.ValidationResult;

/** Prints one line for each file: its name, a tab, "compliant" or the clauses of ISO 19005-1 that fail. */
public class Judge {
    public static void main(String[] files) throws Exception {
        VeraGreenfieldFoundryProvider.initialise();
        for (String file : files) {
            System.out.println(Path.of(file).getFileName() + "\t" + verdict(Files.readAllBytes(Path.of(file))));
        }
    }

    private static String verdict(byte[] pdf) throws Exception {
        try (PDFAParser parser =
                Foundries.defaultInstance().createParser(new ByteArrayInputStream(pdf), PDFAFlavour.PDFA_1_B)) {
            ValidationResult result =
                    Foundries.defaultInstance().createValidator(PDFAFlavour.PDFA_1_B, false).validate(parser);
            if (result.isCompliant()) {
                return "compliant";
            }
            StringBuilder clauses = new StringBuilder();
            for (TestAssertion assertion : result.getTestAssertions()) {
                if (assertion.getStatus() == TestAssertion.Status.FAILED) {
                    clauses.append(assertion.getRuleId().getClause()).append(' ');
                }
            }
            return clauses.toString().trim();
        }
    }
}
