"""Deal the cases of a cohort to tasks that compute radiomics."""

from components.plan_radiomics.component import plan_radiomics as plan_radiomics
