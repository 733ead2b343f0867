"""Answers against the form they were given to: QuestionnaireResponse and Questionnaire."""

from dui_fhir.validation.forms.definition import Form, form_of
from dui_fhir.validation.forms.responses import check_response

__all__ = ["Form", "check_response", "form_of"]
